//! `cargo xtask demo`.

use std::process::Command;

use anyhow::Result;

use crate::shell::{self, built, cargo};

const PROMPT: &str = "Tell me a short story about a lighthouse keeper.";
const SAMPLING: [&str; 6] = [
    "--seed",
    "4",
    "--temperature",
    "0.4",
    "--repetition-penalty",
    "1.1",
];

pub(crate) fn run() -> Result<()> {
    shell::run(cargo().args(["build", "--release", "--package", "stream-cli"]))?;
    let program = built("release", "stream-engine")?;
    shell::run(Command::new(&program).arg("pull"))?;
    let mut story = Command::new(&program);
    story.arg("generate").args(SAMPLING);
    shell::become_program(story.args(["--max-tokens", "300", "--stats", PROMPT]))
}
