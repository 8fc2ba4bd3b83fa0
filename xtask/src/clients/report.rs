//! What became of the checks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::install;
use super::suites::{Run, Suite};
use crate::root;

/// Checks that are known not to pass, as `suite/check`, with the reason.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// By design; one that passes is out of date.
    always: BTreeMap<String, String>,
    /// They judge what the small model says, which other processors compute a little differently.
    of_the_model: BTreeMap<String, String>,
}

impl Exceptions {
    /// Those of this repository.
    pub(super) fn read() -> Result<Self> {
        let path = root().join("xtask/clients/exceptions.json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut value: Value = serde_json::from_str(&text)?;
        let mut take = |name: &str| {
            let reasons = serde_json::from_value(value[name].take());
            reasons.with_context(|| format!("`{name}` of the exceptions maps checks to reasons"))
        };
        Ok(Self {
            always: take("always")?,
            of_the_model: take("of_the_model")?,
        })
    }

    fn judge(&self, name: &str, outcome: &str, reason: &str) -> Verdict {
        let known = |map: &BTreeMap<String, String>| map.get(name).cloned();
        let (always, model) = (known(&self.always), known(&self.of_the_model));
        match (outcome, always, model) {
            ("passed", Some(_), _) => {
                Verdict::Failed("it passes, so it is no exception any more".to_owned())
            }
            ("passed", None, _) => Verdict::Passed,
            ("skipped", ..) => Verdict::Skipped(reason.to_owned()),
            (_, Some(known), _) | (_, None, Some(known)) => Verdict::Excepted(known),
            (_, None, None) => Verdict::Failed(reason.to_owned()),
        }
    }
}

/// What became of one check.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// The suite says that it does not apply.
    Skipped(String),
    /// It failed, as is known.
    Excepted(String),
    Failed(String),
}

/// What became of one suite.
#[derive(Debug)]
pub(super) struct Report {
    client: String,
    checks: Vec<(String, Verdict)>,
}

impl Report {
    /// Reads a suite's lines. A suite that checked nothing, or that fails without saying where,
    /// has failed.
    pub(super) fn new(suite: &Suite, run: &Run, exceptions: &Exceptions) -> Result<Self> {
        let mut checks = Vec::new();
        for line in run.lines.lines() {
            let line: Map<String, Value> = serde_json::from_str(line)?;
            let word = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
            let name = format!("{}/{}", suite.name, word("check"));
            let verdict = exceptions.judge(&name, word("outcome"), word("reason"));
            checks.push((word("check").to_owned(), verdict));
        }
        let bad = |(_, v): &(_, Verdict)| matches!(v, Verdict::Failed(_) | Verdict::Excepted(_));
        if checks.is_empty() || !(run.succeeded || checks.iter().any(bad)) {
            let why = "it ended before its checks did".to_owned();
            checks.push(("the suite itself".to_owned(), Verdict::Failed(why)));
        }
        let client = format!("{} {}", suite.name, install::version(suite)?);
        Ok(Self { client, checks })
    }

    fn count(&self, is: fn(&Verdict) -> bool) -> usize {
        self.checks
            .iter()
            .filter(|(_, verdict)| is(verdict))
            .count()
    }

    /// Checks that failed and are no known exceptions.
    pub(super) fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }
}

/// A table of suites, and under it every check that did not pass, with its reason.
pub(super) fn table(reports: &[Report]) -> String {
    let mut table = String::from(
        "| client | passed | exceptions | do not apply | failed |\n|---|---:|---:|---:|---:|\n",
    );
    let mut others = String::new();
    for report in reports {
        let passed = report.count(|v| *v == Verdict::Passed);
        let excepted = report.count(|v| matches!(v, Verdict::Excepted(_)));
        let skipped = report.count(|v| matches!(v, Verdict::Skipped(_)));
        let (client, failed) = (&report.client, report.failed());
        let _ = writeln!(
            table,
            "| {client} | {passed} | {excepted} | {skipped} | {failed} |"
        );
        for (check, verdict) in &report.checks {
            let (what, why) = match verdict {
                Verdict::Passed => continue,
                Verdict::Skipped(why) => ("does not apply", why),
                Verdict::Excepted(why) => ("exception", why),
                Verdict::Failed(why) => ("FAILED", why),
            };
            let why = why.lines().next().unwrap_or_default();
            let _ = writeln!(others, "- {client}, `{check}`: {what}: {why}");
        }
    }
    format!("{table}\n{others}")
}

#[cfg(test)]
mod tests {
    use super::super::suites::named;
    use super::*;

    fn exceptions() -> Exceptions {
        let one = |check: &str, why: &str| BTreeMap::from([(check.to_owned(), why.to_owned())]);
        Exceptions {
            always: one("ai-sdk/images", "no eyes"),
            of_the_model: one("ai-sdk/wit", "too small"),
        }
    }

    fn report(lines: &[(&str, &str)], succeeded: bool) -> Report {
        let line = |(check, outcome): &(&str, &str)| {
            format!("{{\"check\":{check:?},\"outcome\":{outcome:?},\"reason\":\"why\"}}\n")
        };
        let lines = lines.iter().map(line).collect();
        let run = Run { lines, succeeded };
        Report::new(named("ai-sdk").unwrap(), &run, &exceptions()).unwrap()
    }

    #[test]
    fn checks_are_judged() {
        for (check, outcome, failed) in [
            ("a", "passed", 0),
            ("a", "failed", 1),
            ("a", "skipped", 0),
            ("images", "failed", 0),
            ("images", "passed", 1),
            ("wit", "failed", 0),
            ("wit", "passed", 0),
        ] {
            let report = report(&[(check, outcome)], outcome != "failed");
            assert_eq!(report.failed(), failed, "{check} {outcome}");
        }
    }

    #[test]
    fn a_suite_that_breaks_off_has_failed() {
        assert_eq!(report(&[], true).failed(), 1);
        assert_eq!(report(&[("a", "passed")], false).failed(), 1);
    }

    #[test]
    fn the_table_names_what_did_not_pass() {
        let checks = [
            ("a", "passed"),
            ("b", "failed"),
            ("wit", "failed"),
            ("c", "skipped"),
        ];
        let table = table(&[report(&checks, false)]);
        for expected in [
            "| 1 | 1 | 1 | 1 |",
            "`b`: FAILED: why",
            "`wit`: exception: too small",
            "`c`: does not apply: why",
        ] {
            assert!(table.contains(expected), "{table}");
        }
    }

    #[test]
    fn every_exception_is_of_a_suite_and_says_why() {
        let found = Exceptions::read().unwrap();
        for (check, why) in found.always.iter().chain(&found.of_the_model) {
            let (suite, _) = check.split_once('/').unwrap();
            assert!(named(suite).is_ok() && why.len() > 10, "{check}: {why}");
        }
    }
}
