//! Why a model could not be loaded, and why a step failed.

use stream_checkpoint::CheckpointError;
use stream_runtime::{ImpossibleOption, ModelError};
use tch::TchError;

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
    /// Another libtorch was loaded than the one that this program was built for.
    #[error(
        "libtorch {found} was loaded, but this program was built for {wanted}; put that one where \
         the loader finds it first"
    )]
    Version {
        /// What was loaded.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// An operator of libtorch failed.
    #[error("libtorch cannot load it: {problem}")]
    Libtorch {
        /// What it said.
        problem: String,
    },
}

impl From<TchError> for LoadError {
    fn from(error: TchError) -> Self {
        Self::Libtorch {
            problem: first_line(&error),
        }
    }
}

/// What the loop is told of an operator that failed.
pub(super) fn step_failed(error: &TchError) -> ModelError {
    /// How libtorch's allocator on the CPU begins to complain.
    const OUT_OF_MEMORY: &str = "allocate memory";
    let problem = first_line(error);
    match problem.contains(OUT_OF_MEMORY) {
        true => ModelError::out_of_memory(problem),
        false => ModelError::new(problem),
    }
}

/// Without the trace of C++ functions that follows.
fn first_line(error: &TchError) -> String {
    let text = error.to_string();
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("no reason was given").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use stream_runtime::ModelErrorKind;

    use super::*;

    #[test]
    fn a_step_without_memory_is_told_from_others() {
        let said = "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate \
                    memory: you tried to allocate 1 bytes.\nframe #0: c10";
        let error = step_failed(&TchError::Torch(said.to_owned()));
        assert_eq!(error.kind, ModelErrorKind::OutOfMemory);
        assert!(!error.message.contains("frame"), "{error}");
        let error = step_failed(&TchError::Torch("\nshapes differ\nframe".to_owned()));
        assert_eq!(error, ModelError::new("Internal torch error:"));
    }
}
