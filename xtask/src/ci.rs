//! `cargo xtask ci`.

use anyhow::Result;

use crate::shell::{self, cargo};
use crate::{deny, fuzz, gpu, loom, root, setup, test};

/// For each target: enough to see that it works and finds what is near.
const SECONDS_OF_FUZZING: u64 = 10;

pub(crate) fn run() -> Result<()> {
    // First of all, for it says to Cargo how to build.
    let features = setup::for_tests()?;
    // The checks of licences and of what depends on what see every platform, and use no network.
    shell::run(cargo().args(["fetch", "--locked"]))?;
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    let fuzz = ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"];
    shell::run(cargo().current_dir(root()).args(fuzz))?;
    let everything = ["clippy", "--workspace", "--all-targets"];
    // The tests build without it, and with `otel`: so each is compiled both ways, and nothing
    // twice. It needs nothing of CUDA.
    let gpus = ["--features", "stream-cli/cuda"];
    let deny_warnings = ["--", "-D", "warnings"];
    shell::run(
        cargo()
            .args(everything)
            .args(features)
            .args(gpus)
            .args(deny_warnings),
    )?;
    let docs = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    shell::run(
        cargo()
            .args(docs)
            .args(features)
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    deny::run(&root())?;
    gpu::kernels::check()?;
    test::run(test::Effort::Ordinary)?;
    loom::run()?;
    fuzz::run(&fuzz::Options::all(SECONDS_OF_FUZZING))
}
