//! Why a model could not be loaded.

use stream_checkpoint::CheckpointError;
use stream_runtime::ImpossibleOption;

/// A model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The model's file is unfit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
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
    /// The system refuses threads.
    #[error("the system refuses {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What it said.
        source: std::io::Error,
    },
}
