//! The suites: which client, and how it is started.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::install;
use super::server::Served;

/// The checks that are made with one client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// Its name, here and in the exceptions.
    pub(super) name: &'static str,
    /// The package whose version counts.
    pub(super) package: &'static str,
    pub(super) language: Language,
    /// The program's file in the folder of its language.
    pub(super) file: &'static str,
}

/// What a client is written in, and so what installs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
}

/// Every suite, in the order in which they are run.
pub(super) const SUITES: [Suite; 7] = [
    python("openai-python", "openai", "suite_openai.py"),
    node("openai-node", "openai", "suite_openai.mjs"),
    node("ai-sdk", "@ai-sdk/openai-compatible", "suite_ai_sdk.mjs"),
    python("langchain", "langchain-openai", "suite_langchain.py"),
    python("llm-comply", "llm-comply", "comply.py"),
    python("schemathesis", "schemathesis", "suite_schemathesis.py"),
    node("browser", "puppeteer-core", "suite_browser.mjs"),
];

const fn python(name: &'static str, package: &'static str, file: &'static str) -> Suite {
    Suite {
        name,
        package,
        language: Language::Python,
        file,
    }
}

const fn node(name: &'static str, package: &'static str, file: &'static str) -> Suite {
    Suite {
        language: Language::Node,
        ..python(name, package, file)
    }
}

/// The suite of this name.
pub(super) fn named(name: &str) -> Result<&'static Suite> {
    let found = SUITES.iter().find(|suite| suite.name == name);
    let known = SUITES.each_ref().map(|suite| suite.name).join(", ");
    found.with_context(|| format!("there is no client `{name}`; known are {known}"))
}

/// The languages of these suites, each once.
pub(super) fn languages(suites: &[&Suite]) -> Vec<Language> {
    let all = [Language::Python, Language::Node];
    let asked = |language: &Language| suites.iter().any(|suite| suite.language == *language);
    all.into_iter().filter(asked).collect()
}

/// What a suite left behind.
#[derive(Debug)]
pub(super) struct Run {
    /// A line of JSON for each check.
    pub(super) lines: String,
    /// Whether its program says that all is well.
    pub(super) succeeded: bool,
}

impl Suite {
    /// Runs the suite to its end.
    pub(super) fn run(&self, server: &Served) -> Result<Run> {
        let folder = install::folder()?;
        let report = folder.join(format!("{}.jsonl", self.name));
        fs::write(&report, "")?;
        eprintln!("\n{}:", self.name);
        let mut command = self.command()?;
        command
            .env("CLIENTS_URL", &server.url)
            .env("CLIENTS_KEY", server.key())
            .env("CLIENTS_MODEL", server.model())
            .env("CLIENTS_REPORT", &report)
            .env("CLIENTS_SCREENSHOT", folder.join("chat.png"));
        let status = command.status();
        let status = status.with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Run {
            lines: fs::read_to_string(report)?,
            succeeded: status.success(),
        })
    }

    fn command(&self) -> Result<Command> {
        let file = self.path();
        let mut command = match self.language {
            Language::Python => Command::new(install::python()?),
            Language::Node => Command::new("node"),
        };
        match self.language {
            Language::Python if self.file.starts_with("suite_") => {
                command.args(["-B", "-m", "pytest"]).arg(file)
            }
            Language::Python => command.arg("-B").arg(file),
            Language::Node => command.current_dir(install::node_folder()?).args([
                "--test",
                "--test-reporter=./reporter.mjs",
                self.file,
            ]),
        };
        Ok(command)
    }

    /// Where its program stands in this repository.
    fn path(&self) -> PathBuf {
        install::sources(self.language).join(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_a_program_and_a_pinned_package() {
        for suite in &SUITES {
            assert!(suite.path().is_file(), "{}", suite.path().display());
            let version = install::version(suite).unwrap();
            assert!(
                version.starts_with(|c: char| c.is_ascii_digit()),
                "{version}"
            );
            assert_eq!(named(suite.name).unwrap(), suite);
        }
    }

    #[test]
    fn a_language_is_installed_once() {
        let all: Vec<_> = SUITES.iter().collect();
        assert_eq!(languages(&all), [Language::Python, Language::Node]);
        assert_eq!(languages(&[named("ai-sdk").unwrap()]), [Language::Node]);
    }
}
