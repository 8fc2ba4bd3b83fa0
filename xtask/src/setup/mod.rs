//! `cargo xtask setup`: what engines need and Cargo does not bring.

mod onnx;
mod pip;

use anyhow::{Result, bail};

pub(crate) const HELP: &str = "\
Usage: cargo xtask setup [WHAT]

  onnx           the library of ONNX Runtime, into the user's cache folder, where the engine finds it

Without WHAT, everything. What is there already is kept. Packages are fetched by pip, pinned by
version and hash.";

/// Fetches what is named, or everything.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    match words {
        [] | ["onnx"] => onnx::run(),
        _ => bail!(
            "there is nothing to set up named `{}`\n\n{HELP}",
            words.join(" ")
        ),
    }
}

/// Everything that tests need.
pub(crate) fn for_tests() -> Result<()> {
    onnx::run()
}
