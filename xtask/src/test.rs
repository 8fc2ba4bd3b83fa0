//! `cargo xtask test`.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::shell::{self, built, cargo};

/// How thoroughly to test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    Ordinary,
    /// Property tests draw new cases in each round, and races get more chances.
    Full,
}

/// Rounds of a full test.
const ROUNDS: usize = 4;

/// The variable that proptest reads.
const CASES: &str = "PROPTEST_CASES";
/// The variable that names a model to be used instead of the default one.
const MODEL: &str = "STREAM_ENGINE_MODEL";
/// Spans have tests too.
const FEATURES: [&str; 2] = ["--features", "stream-cli/otel"];

/// Everything is built once, for the tests; the program that fetches the model is among it.
pub(crate) fn run(effort: Effort) -> Result<()> {
    setup::for_tests()?;
    shell::run(
        cargo()
            .args(["test", "--workspace", "--no-run"])
            .args(FEATURES),
    )?;
    if std::env::var_os(MODEL).is_none_or(|path| path.is_empty()) {
        shell::run(Command::new(built("debug", "stream-engine")?).arg("pull"))?;
    }
    shell::run(
        cargo()
            .args(["test", "--workspace", "--doc", "--quiet"])
            .args(FEATURES),
    )?;
    run_examples()?;
    if effort == Effort::Ordinary {
        return shell::run(&mut tests());
    }
    for _ in 0..ROUNDS {
        shell::run(tests().env(CASES, "2048"))?;
    }
    Ok(())
}

/// nextest where it is installed: it runs the tests of all packages side by side.
fn tests() -> Command {
    let mut command = cargo();
    match shell::works(cargo().args(["nextest", "--version"])) {
        true => command.args(["nextest", "run", "--workspace", "--no-fail-fast"]),
        false => command.args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ]),
    };
    command.args(FEATURES);
    command
}

/// Runs each example as a reader of the documentation would: without arguments, to its end.
fn run_examples() -> Result<()> {
    let names = example_names()?;
    if names.is_empty() {
        bail!("there are no examples in the folder `examples`");
    }
    for name in names {
        shell::run(&mut Command::new(built("debug/examples", &name)?))?;
    }
    Ok(())
}

fn example_names() -> Result<Vec<String>> {
    let folder = crate::root().join("examples");
    let context = || format!("{} cannot be read", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(context)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}
