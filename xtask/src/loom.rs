//! `cargo xtask loom`.

use anyhow::Result;

use crate::shell::{self, cargo};

/// The models are tests of stream-core that exist under `cfg(loom)`. Code of that kind has a
/// target folder of its own, and is built plainly: the models take a second, building takes most.
pub(crate) fn run() -> Result<()> {
    let target = crate::root().join("target").join("loom");
    let models = ["test", "--package", "stream-core", "--lib"];
    shell::run(
        cargo()
            .args(models)
            .arg("--target-dir")
            .arg(target)
            // A deadlock ends the program, so its message must not wait for the end of the test.
            .args(["channel::models", "--", "--nocapture"])
            .env("RUSTFLAGS", "--cfg loom -D warnings")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0"),
    )
}
