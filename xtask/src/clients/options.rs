//! The command line of `clients`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::suites::{SUITES, Suite, named};

/// The command line.
pub(crate) const HELP: &str = "\
Usage: cargo xtask clients [--program FILE] [NAME…]

  NAME       openai-python, openai-node, ai-sdk, langchain, llm-comply, schemathesis or browser;
             all of them if left out
  --program  a stream-engine to be tested; left out, it is built first, in release

Clients are installed by pip and npm, in versions that xtask/clients pins by hash, below `clients`
in the user's cache folder. Python 3.11 or newer and Node 20 or newer are needed, and for `browser`
Chromium or Chrome, which CHROME_PATH may name. They speak with a server on a free port of the
loopback, which serves the default model, or the one that STREAM_ENGINE_MODEL names.";

/// What to test, and with which clients.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(super) program: Option<PathBuf>,
    pub(super) suites: Vec<&'static Suite>,
}

impl Options {
    /// Reads the words after `clients`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            program: None,
            suites: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--program" => {
                    let path = words.next().context("--program needs a value")?;
                    options.program = Some(PathBuf::from(path));
                }
                name => options.suites.push(named(name)?),
            }
        }
        if options.suites.is_empty() {
            options.suites = SUITES.iter().collect();
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let all = Options::parse(&[]).unwrap();
        assert_eq!(all.suites.len(), SUITES.len());
        let some = Options::parse(&["ai-sdk", "--program", "a/b"]).unwrap();
        assert_eq!(some.program, Some("a/b".into()));
        assert_eq!(some.suites, [named("ai-sdk").unwrap()]);
        for (words, expected) in [
            (&["curl"][..], "no client `curl`; known are openai-python"),
            (&["--program"], "--program needs a value"),
        ] {
            let error = Options::parse(words).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for suite in &SUITES {
            assert!(HELP.contains(suite.name), "{suite:?}");
        }
    }
}
