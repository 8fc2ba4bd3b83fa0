//! Why a model could not be loaded, and why a step failed.

use stream_checkpoint::CheckpointError;
use stream_runtime::{ImpossibleOption, ModelError};
use tch::TchError;

/// Why the device that was asked for cannot compute.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoDevice {
    /// The program cannot use GPUs at all.
    #[error("this program was built without support for GPUs; build it with the feature `cuda`")]
    NotCompiled,
    /// The driver does not have it.
    #[error(transparent)]
    Driver(#[from] nvidia_driver::NoGpu),
    /// Nobody said where libtorch's CUDA part is.
    #[error(
        "libtorch's part for CUDA is needed: set STREAM_ENGINE_LIBTORCH_CUDA to the folder \
         `torch/lib` of a PyTorch {wanted}"
    )]
    NoLibrary {
        /// The version that fits.
        wanted: String,
    },
    /// What was named is another version's.
    #[error("{path} is of {found}, but it has to be of {wanted}")]
    OtherVersion {
        /// The library.
        path: String,
        /// Whose it is.
        found: String,
        /// What this program runs with.
        wanted: String,
    },
    /// The library cannot be loaded.
    #[error("libtorch's part for CUDA cannot be loaded: {problem}")]
    Library {
        /// What the loader said.
        problem: String,
    },
    /// Another one was loaded before, and a process can have one.
    #[error("{wanted} cannot be loaded: this process has {loaded} already")]
    OtherLibrary {
        /// What was asked for.
        wanted: String,
        /// What was loaded.
        loaded: String,
    },
    /// The driver has GPUs, libtorch finds none.
    #[error("libtorch finds {found} GPUs that it can use, so there is none with number {ordinal}")]
    Unusable {
        /// How many it finds.
        found: usize,
        /// The one asked for.
        ordinal: usize,
    },
}

/// A model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The device cannot compute.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// An option that the operators for every device do not have.
    #[error(
        "rows that do not depend on their batch are computed by our own operators on the CPU only"
    )]
    NotInvariant,
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
    /// How libtorch's allocators complain.
    const OUT_OF_MEMORY: [&str; 2] = ["allocate memory", "CUDA out of memory"];
    let problem = first_line(error);
    match OUT_OF_MEMORY.iter().any(|said| problem.contains(said)) {
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
