//! What can go wrong.

use nvidia_driver::NoGpu;

/// A GPU, or the compiler for it, could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// There is no such GPU.
    #[error(transparent)]
    NoGpu(#[from] NoGpu),
    /// A library is not there, or is not the one it should be.
    #[error("{library} cannot be used: {problem}")]
    Library {
        /// Which one.
        library: String,
        /// What the loader said.
        problem: String,
    },
    /// The driver refuses.
    #[error("{call} failed with CUDA error {code} ({name})")]
    Driver {
        /// The function.
        call: &'static str,
        /// What it gave, a `CUresult`.
        code: i32,
        /// That number's name.
        name: String,
    },
    /// NVRTC refuses, not because of the source.
    #[error("{call} failed with NVRTC error {code}")]
    Compiler {
        /// The function.
        call: &'static str,
        /// What it gave, an `nvrtcResult`.
        code: i32,
    },
    /// A source does not compile.
    #[error("{source_name} does not compile:\n{log}")]
    Source {
        /// Its name.
        source_name: String,
        /// What the compiler said.
        log: String,
    },
    /// The card is older than the kernels are made for.
    #[error("the GPU has compute capability {found}, the kernels need 8.0 or later")]
    TooOld {
        /// The card's capability.
        found: String,
    },
}

impl CudaError {
    /// Whether a smaller amount of memory might do.
    pub fn is_out_of_memory(&self) -> bool {
        /// `CUDA_ERROR_OUT_OF_MEMORY`.
        const OUT_OF_MEMORY: i32 = 2;
        matches!(self, Self::Driver { code, .. } if *code == OUT_OF_MEMORY)
    }
}
