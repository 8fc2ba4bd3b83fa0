//! What is measured: something that answers rounds.

use std::io;
use std::sync::Arc;

use stream_core::Backend;

use crate::drive::drive;
use crate::protocol::{Outcome, Ready, Round};
use crate::worker::describe;

/// An engine with its model loaded.
pub trait Contender: Send {
    /// What it is.
    fn ready(&self) -> &Ready;

    /// Runs a round; `done` is told how many requests have ended.
    ///
    /// # Errors
    /// If the contender is no longer there, or says what nobody asked.
    fn run(
        &mut self,
        round: &Round,
        done: &mut dyn FnMut(usize),
    ) -> Result<Outcome, ContenderError>;

    /// The most memory that its process ever held, in bytes, where the system tells.
    fn peak_memory(&self) -> Option<u64>;
}

/// Why a contender cannot take part, or not any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContenderError {
    /// The program cannot be started.
    #[error("`{program}` cannot be started: {error}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        error: io::Error,
    },
    /// The contender itself says that it cannot take part.
    #[error("{0}")]
    Refused(String),
    /// Its output ended in the middle.
    #[error("it ended ({0}) before it had answered")]
    Ended(String),
    /// It wrote what the protocol does not have at this place.
    #[error("it wrote `{line}`, which is no answer: {problem}")]
    Unexpected {
        /// The beginning of the line.
        line: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It cannot be talked to.
    #[error("it cannot be talked to: {0}")]
    Io(#[from] io::Error),
}

/// A backend in this process. Its memory is that of the bench, so nothing is told of it.
pub struct Local {
    backend: Arc<dyn Backend>,
    ready: Ready,
}

impl Local {
    /// A contender out of a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            ready: describe(&*backend),
            backend,
        }
    }
}

impl Contender for Local {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn run(
        &mut self,
        round: &Round,
        done: &mut dyn FnMut(usize),
    ) -> Result<Outcome, ContenderError> {
        Ok(drive(&*self.backend, round, done))
    }

    fn peak_memory(&self) -> Option<u64> {
        None
    }
}
