//! The command line of `fuzz`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The command line.
pub(crate) const HELP: &str = "\
Usage: cargo xtask fuzz [--seconds N] [TARGET]
       cargo xtask fuzz TARGET FILE

  --seconds N  how long each target runs; 60 if left out
  TARGET       a file of fuzz/fuzz_targets; all of them if left out
  FILE         one input to be examined, as a run that found something has named it

What reaches new code is kept in target/fuzz/corpus, and what is found in target/fuzz/found.";

/// What to fuzz.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long each target runs.
    pub(crate) seconds: u64,
    /// The one that runs.
    pub(crate) target: Option<String>,
    /// The one input that it examines.
    pub(crate) file: Option<PathBuf>,
}

impl Options {
    /// Every target for so long.
    pub(crate) fn all(seconds: u64) -> Self {
        Self {
            seconds,
            target: None,
            file: None,
        }
    }

    /// Reads the words after `fuzz`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::all(60);
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--seconds" => {
                    let seconds = words.next().context("--seconds needs a value")?;
                    options.seconds = seconds.parse().context("--seconds is a number")?;
                }
                _ if word.starts_with('-') => bail!("there is no option `{word}`\n\n{HELP}"),
                _ if options.target.is_none() => options.target = Some(word.to_owned()),
                _ if options.file.is_none() => options.file = Some(PathBuf::from(word)),
                _ => bail!("`{word}` is too much\n\n{HELP}"),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::all(60));
        assert_eq!(
            Options::parse(&["--seconds", "5"]).unwrap(),
            Options::all(5)
        );
        let found = Options::parse(&["gguf", "a/b"]).unwrap();
        assert_eq!(found.target.as_deref(), Some("gguf"));
        assert_eq!(found.file, Some(PathBuf::from("a/b")));
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["--x"],
            &["a", "b", "c"],
        ] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
