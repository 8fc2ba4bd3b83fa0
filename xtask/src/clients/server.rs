//! The server that clients are tried on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::install::folder;
use crate::cache::variable;
use crate::shell::{self, built, cargo};

/// The name that the model is served under, and a second one, for clients that change between two.
const MODEL: &str = "smol";
const ALIAS: &str = "smol-alias";
/// Long enough to be told from a word of the answers.
const KEY: &str = "a-key-for-clients";
/// What the server says once it listens.
const READY: &str = "listening at ";
/// Loading a small model takes a second; fetching it may come before.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running server, which ends with this value.
#[derive(Debug)]
pub(super) struct Served {
    child: Child,
    /// Its address, as in `http://127.0.0.1:40001`.
    pub(super) url: String,
}

impl Served {
    /// Starts the program, or the one that is built first, and waits until it listens.
    pub(super) fn start(program: Option<&Path>) -> Result<Self> {
        match program {
            Some(path) => Self::start_in(&folder()?, path),
            None => Self::start_in(&folder()?, &build()?),
        }
    }

    /// The same, with the key and what the server says in `folder`.
    fn start_in(folder: &Path, program: &Path) -> Result<Self> {
        let (key, log) = (folder.join("key"), folder.join("server.log"));
        fs::write(&key, format!("{KEY}\n"))?;
        let mut command = Command::new(program);
        command.args(["serve", "--host", "127.0.0.1", "--port", "0"]);
        command.args(["--served-model-name", MODEL, "--served-model-name", ALIAS]);
        command.arg("--api-key-file").arg(key);
        if let Some(model) = variable("STREAM_ENGINE_MODEL") {
            command.arg("--model").arg(model);
        }
        command.stdin(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn();
        let child = child.with_context(|| format!("{} cannot be started", program.display()))?;
        let mut server = Self {
            child,
            url: String::new(),
        };
        server.url = server.wait(&log)?;
        Ok(server)
    }

    /// The address, once the server tells it.
    fn wait(&mut self, log: &Path) -> Result<String> {
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(log)?;
            if let Some(url) = address(&said) {
                return Ok(url.to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}): {}", said.trim());
            }
            if begun.elapsed() > PATIENCE {
                bail!("the server does not listen: {}", said.trim());
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// The name of the model; with `-alias` behind it, it is served too.
    pub(super) fn model(&self) -> &'static str {
        MODEL
    }

    /// What every request must carry.
    pub(super) fn key(&self) -> &'static str {
        KEY
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is gone already where this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn build() -> Result<PathBuf> {
    shell::run(cargo().args(["build", "--release", "--package", "stream-cli"]))?;
    built("release", "stream-engine")
}

/// The address in what the server said, if the line is whole.
fn address(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once(READY)?;
    Some(rest.split_once('\n')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_a_whole_line() {
        assert_eq!(address("a model on cpu\nlistening at http://127"), None);
        let said = "a model on cpu\nlistening at http://127.0.0.1:80\nmore\n";
        assert_eq!(address(said), Some("http://127.0.0.1:80"));
    }

    #[test]
    fn a_program_that_ends_says_why() {
        let folder = tempfile::tempdir().unwrap();
        // The program of these tests knows no such options.
        let program = std::env::current_exe().unwrap();
        let error = Served::start_in(folder.path(), &program).unwrap_err();
        assert!(error.to_string().contains("ended"), "{error}");
    }
}
