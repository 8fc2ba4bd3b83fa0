//! Builds the targets with LLVM's coverage counters, which stable Rust has behind these flags, and
//! with libFuzzer. (The sanitizers need nightly; what they look for, our code forbids or checks.)

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{self, cargo};

/// Edges with a counter each, the table that names them, and the operands of comparisons.
const COVERAGE: &str = "--cfg fuzzing -Dwarnings -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What this machine lacks for it.
pub(super) fn missing() -> Option<String> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    if !cfg!(unix) {
        return Some("libFuzzer is used on Unix alone".into());
    }
    let works = shell::works(Command::new(&compiler).arg("--version"));
    (!works).then(|| format!("libFuzzer needs a C++ compiler, and `{compiler}` is not there"))
}

/// The folder for all that fuzzing writes.
pub(super) fn target_folder() -> PathBuf {
    crate::root().join("target/fuzz")
}

/// Builds all targets, and gives the folder of the programs.
pub(super) fn run() -> Result<PathBuf> {
    let host = host()?;
    shell::run(
        cargo()
            .current_dir(crate::root().join("fuzz"))
            .args(["build", "--bins", "--target-dir"])
            .arg(target_folder())
            // With a target named, build scripts and macros are built without the counters.
            .args(["--target", &host])
            .env("RUSTFLAGS", COVERAGE),
    )?;
    Ok(target_folder().join(host).join("debug"))
}

fn host() -> Result<String> {
    let output = cargo().arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`cargo -vV` names no host")
}
