//! What is wrong with prompts.

use std::io;
use std::path::PathBuf;

/// A file of prompts cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct WorkloadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: WorkloadProblem,
}

/// What is wrong with a file of prompts, or with the wish for them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadProblem {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A line cannot be used.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A conversation of a ShareGPT file cannot be used.
    #[error("conversation {number}: {problem}")]
    Conversation {
        /// The conversation, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// It holds nothing that can be asked.
    #[error("there is no prompt in it that can be asked")]
    Empty,
    /// A shared prefix leaves nothing of a prompt.
    #[error(
        "the shared prefix has {prefix} tokens, but must be shorter than the shortest prompt, \
         which has {least}"
    )]
    PrefixTooLong {
        /// Tokens of the prefix.
        prefix: usize,
        /// Tokens of the shortest prompt.
        least: usize,
    },
}
