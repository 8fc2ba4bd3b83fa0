//! Runs the program.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use stream_checkpoint::default_model;

/// The program, with `arguments`, and with nothing from the environment that would change it.
pub(super) fn program(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-engine"));
    command
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The file of the default model.
pub(super) fn model() -> PathBuf {
    let path = default_model::path().unwrap();
    assert!(
        path.is_file(),
        "the default model is not at {}: run `cargo xtask test`, which fetches it",
        path.display()
    );
    path
}

/// `generate` on the default model, always with the most probable token.
pub(super) fn greedy<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["generate", "--temperature", "0"], arguments].concat()
}

/// What a run of the program gave.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self {
            code: output.status.code().expect("the program exits by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Outcome {
    /// The run went well and said nothing on stderr.
    #[track_caller]
    pub(super) fn expect_quiet(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        self
    }

    /// The run failed with this code, and with one sentence that contains `words`.
    #[track_caller]
    pub(super) fn expect_sentence(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {self:?}");
        }
    }

    /// The lines of stdout, each a JSON object.
    #[track_caller]
    pub(super) fn objects(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Runs a command that reads nothing.
pub(super) fn run(mut command: Command) -> Outcome {
    command.output().unwrap().into()
}

/// Runs a command with `input` on its stdin.
pub(super) fn run_with(mut command: Command, input: &[u8]) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    write_to(&mut child, input);
    child.wait_with_output().unwrap().into()
}

/// A program that has found an error early does not read its input to the end.
fn write_to(child: &mut Child, input: &[u8]) {
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input);
}

/// The text of all token objects.
pub(super) fn text_of(objects: &[Value]) -> String {
    objects
        .iter()
        .filter_map(|object| object["text"].as_str())
        .collect()
}
