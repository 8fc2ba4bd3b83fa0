//! `cargo xtask setup`: what engines need and Cargo does not bring.

mod libtorch;
mod onnx;
pub(crate) mod pip;

use anyhow::{Result, bail};

pub(crate) const HELP: &str = "\
Usage: cargo xtask setup [WHAT]

  onnx           the library of ONNX Runtime, into the user's cache folder, where the engine finds it
  libtorch       libtorch for the CPU, into the user's cache folder, and the word to Cargo where it
                 is; with LIBTORCH or LIBTORCH_USE_PYTORCH set, yours is checked and taken

Without WHAT, everything. What is there already is kept. Packages are fetched by pip, pinned by
version and hash.";

const LIBTORCH: [&str; 2] = ["--features", "stream-cli/libtorch"];

/// Fetches what is named, or everything.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    match words {
        [] => {
            onnx::run()?;
            libtorch::run()
        }
        ["onnx"] => onnx::run(),
        ["libtorch"] => libtorch::run(),
        _ => bail!(
            "there is nothing to set up named `{}`\n\n{HELP}",
            words.join(" ")
        ),
    }
}

/// What these engines need; the arguments of Cargo with which they are compiled in as well.
pub(crate) fn for_engines(names: &[&str]) -> Result<&'static [&'static str]> {
    if names.contains(&"onnx") {
        onnx::run()?;
    }
    if !names.contains(&"libtorch") {
        return Ok(&[]);
    }
    libtorch::run()?;
    Ok(&LIBTORCH)
}

/// Everything that tests need; the arguments of Cargo with which it is linked as well.
pub(crate) fn for_tests() -> Result<&'static [&'static str]> {
    onnx::run()?;
    if !libtorch::is_known_here() {
        eprintln!("skipped: no libtorch is known for this machine, so its engine is not tested");
        return Ok(&[]);
    }
    libtorch::run()?;
    Ok(&LIBTORCH)
}
