//! Why a model could not be loaded.

use stream_checkpoint::CheckpointError;

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
    #[error("{option} is {found}, must be {allowed}")]
    Option {
        /// The field of [`CandleOptions`](crate::CandleOptions).
        option: &'static str,
        /// Its value.
        found: usize,
        /// What is possible.
        allowed: String,
    },
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
