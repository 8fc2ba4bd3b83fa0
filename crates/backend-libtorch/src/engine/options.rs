//! How the engine is set up.

use std::path::PathBuf;

use stream_runtime::{Capacity, ImpossibleOption};

use super::cuda;
use super::error::NoDevice;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU with this number, counted as CUDA counts. It needs the Cargo feature `cuda`
    /// and the [library](LibtorchOptions::cuda_library) of a PyTorch for CUDA. Weights, keys and
    /// values take the card's memory when the model is loaded; [`Precision::Native`] is `bf16`
    /// there.
    Cuda(usize),
}

/// Whose operators compute on the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Operators {
    /// Packed weights, and passes of our own between the products.
    #[default]
    Own,
    /// libtorch's operators that every device has, as they compute on a GPU: slower, and there to
    /// compare with. Weights are not kept quantised, and rows depend on their batch.
    Portable,
}

/// In what form the weights are kept and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Weights of 4 and 8 bits stay quantised for narrow steps; everything else, and every step
    /// of many tokens, is multiplied in `bf16`. Keys and values are kept in `bf16`, everything
    /// between the products in `f32`.
    #[default]
    Native,
    /// Every matrix is multiplied in `bf16`, whatever its format in the file.
    Bf16,
    /// Everything in `f32`. Slower, and four bytes a weight; for comparison with a reference.
    F32,
}

/// What may depend on what else is in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Batches {
    /// The fastest operators for the width of each step. A row's logits differ in their last
    /// digits with its neighbours and with how its prompt was cut, so that a greedy choice between
    /// two tokens that are nearly as probable may differ too. Sequences share no blocks, so there
    /// is no prefix cache.
    #[default]
    Fastest,
    /// Each token goes by itself through the operators whose results depend on the width. A
    /// row's logits are bit for bit the same alone, in any batch and in any chunks; prompts are
    /// read about as slowly as text is written.
    Invariant,
}

/// How a model is loaded and how much it can take. All fields have a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibtorchOptions {
    /// Threads that compute; `None` for libtorch's own choice, one for each physical core.
    /// libtorch has one number for the whole process: each step of a model sets it to its own.
    pub threads: Option<usize>,
    /// In what form the weights are kept.
    pub precision: Precision,
    /// What may depend on what else is in a step.
    pub batches: Batches,
    /// What computes.
    pub device: Device,
    /// Whose operators compute, if the device is the processor.
    pub operators: Operators,
    /// PyTorch's folder `torch/lib`, or its `libtorch_cuda.so`, for a GPU; `None` for the one that
    /// the environment variable `STREAM_ENGINE_LIBTORCH_CUDA` names. It has to be of the version,
    /// and for the CUDA, of the libtorch that this program runs with.
    pub cuda_library: Option<PathBuf>,
    /// Positions in the KV cache, over all sequences; `None` for four whole contexts, but no
    /// more than 32,768. A position takes memory only when it is first used; with a prefix cache
    /// all of them are in time.
    pub kv_tokens: Option<usize>,
    /// Positions in a block of the KV cache.
    pub block_size: usize,
    /// The most sequences in one step.
    pub max_rows: usize,
    /// The most input tokens in one step, at least `max_rows`.
    pub max_step_tokens: usize,
}

impl Default for LibtorchOptions {
    fn default() -> Self {
        Self {
            threads: None,
            precision: Precision::default(),
            batches: Batches::default(),
            device: Device::default(),
            operators: Operators::default(),
            cuda_library: None,
            kv_tokens: None,
            block_size: 16,
            max_rows: 32,
            max_step_tokens: 512,
        }
    }
}

impl LibtorchOptions {
    /// The number of threads that these options mean on this machine.
    ///
    /// # Errors
    /// If the number asked for is 0 or absurd.
    pub fn threads(&self) -> Result<usize, ImpossibleOption> {
        let own = || usize::try_from(tch::get_num_threads()).unwrap_or(1);
        self.capacity().threads(own)
    }

    /// Whether there is such a device, as far as its driver knows. It loads nothing.
    ///
    /// # Errors
    /// If this crate was built without the feature for it, or there is no driver or no such GPU.
    pub fn check_device(&self) -> Result<(), NoDevice> {
        match self.device {
            Device::Cpu => Ok(()),
            Device::Cuda(ordinal) => cuda::check(ordinal).map(drop),
        }
    }

    /// Whether it goes through the operators that every device has.
    pub(super) fn is_portable(&self) -> bool {
        self.device != Device::Cpu || self.operators == Operators::Portable
    }

    pub(super) fn capacity(&self) -> Capacity {
        Capacity {
            threads: self.threads,
            kv_tokens: self.kv_tokens,
            block_size: self.block_size,
            block_multiple: 1,
            max_rows: self.max_rows,
            max_step_tokens: self.max_step_tokens,
        }
    }
}
