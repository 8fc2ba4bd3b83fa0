//! `cargo xtask peers`: what people use today, next to our engines in one bench.
//!
//! Each peer lives in a Python environment of its own, in the user's cache folder. A small program
//! (`xtask/peers/worker.py`) makes it a contender of `stream-engine bench`.

mod bench;
mod install;
mod list;
mod options;
mod place;
mod prepare;
mod serve;

use anyhow::Result;

pub(crate) use options::{HELP, Options};

/// Installs peers, measures them, or starts the server of one.
pub(crate) fn run(options: &Options) -> Result<()> {
    match options {
        Options::Install { peers } => install::run(peers),
        Options::Bench(options) => bench::run(options),
        Options::Serve(options) => serve::run(options),
    }
}
