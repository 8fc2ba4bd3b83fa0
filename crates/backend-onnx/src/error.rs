//! Why a model could not be loaded.

use std::path::PathBuf;

use stream_checkpoint::CheckpointError;
use stream_runtime::ImpossibleOption;

use crate::ExportError;

/// A model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// ONNX Runtime's library cannot be used.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The model's file is unfit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The export is unfit.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An export has the precision that it was made with.
    #[error("an ONNX export computes as it was made: the only precision is native")]
    FixedPrecision,
    /// The model's numbers do not go together.
    #[error("the engine cannot compute it: {problem}")]
    Architecture {
        /// Which numbers, and why they do not.
        problem: String,
    },
    /// An option has an impossible value.
    #[error(transparent)]
    Option(#[from] ImpossibleOption),
    /// The system refuses memory for keys and values.
    #[error("the system refuses memory for {tokens} tokens of KV cache; ask for fewer")]
    KvCache {
        /// The positions that were asked for.
        tokens: usize,
    },
    /// The system refuses threads for sampling.
    #[error("the system refuses {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What it said.
        source: rayon::ThreadPoolBuildError,
    },
    /// ONNX Runtime refused the graph or one of its settings.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
}

/// ONNX Runtime's library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// There is none at any of the places where it may be.
    #[error(
        "the library of ONNX Runtime is needed and was not found: run `cargo xtask setup onnx`, or name \
         a library of version {least} or newer in the variable ORT_DYLIB_PATH (looked at {})",
        shown(.looked_at)
    )]
    Missing {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
        /// The oldest version that serves.
        least: String,
    },
    /// The file is no library, or none that this program can use.
    #[error(
        "{path} cannot be used as ONNX Runtime: {problem}; name a library of version {least} or newer \
         in the variable ORT_DYLIB_PATH, or run `cargo xtask setup onnx`"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The oldest version that serves.
        least: String,
    },
    /// This process already uses another library: ONNX Runtime has one environment in a process.
    #[error(
        "this process already uses ONNX Runtime from {loaded}, and cannot use {asked} beside it: \
         name one library for all engines"
    )]
    Another {
        /// The library that was loaded first.
        loaded: PathBuf,
        /// The one that was asked for now.
        asked: PathBuf,
    },
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

impl From<ort::Error> for LoadError {
    fn from(error: ort::Error) -> Self {
        Self::Runtime(error.to_string())
    }
}

impl From<ort::Error<ort::session::builder::SessionBuilder>> for LoadError {
    fn from(error: ort::Error<ort::session::builder::SessionBuilder>) -> Self {
        Self::Runtime(error.to_string())
    }
}
