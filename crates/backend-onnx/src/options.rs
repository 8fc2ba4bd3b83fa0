//! How the engine is set up.

use std::path::PathBuf;

use stream_runtime::Capacity;

use crate::attention::LANES;

/// In what form the weights are kept and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Quantised weights in 4 or 8 bits, multiplied by `MatMulNBits` at accuracy level 4:
    /// activations are rounded to 8 bits in blocks. Numbers become `f32`.
    #[default]
    Native,
    /// The same weights at accuracy level 1: activations stay `f32`, and each weight is multiplied
    /// as the number that it stands for.
    Exact,
    /// Everything in `f32`. Slower, and four bytes a weight; for comparison with a reference.
    F32,
}

impl Precision {
    /// The attribute of `MatMulNBits`: the least precise type, of `f32` (1), `f16` (2), `bf16` (3)
    /// and `i8` (4), in which activations may be multiplied.
    pub(crate) fn accuracy_level(self) -> i64 {
        match self {
            Self::Native => 4,
            Self::Exact | Self::F32 => 1,
        }
    }
}

/// Whether ONNX Runtime's threads wait for work by spinning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Spinning {
    /// They spin while a step runs, and sleep between steps. A third faster at one stream where the
    /// machine has nothing else to do; where it has, a step can take several times as long.
    #[default]
    On,
    /// They sleep at once.
    Off,
}

/// How a model is loaded and how much it can take. All fields have a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxOptions {
    /// ONNX Runtime's library; `None` for the one that `ORT_DYLIB_PATH` names, or else the one
    /// that `cargo xtask setup onnx` has fetched. A process uses one library.
    pub library: Option<PathBuf>,
    /// Threads that compute, the one that drives the model among them; `None` for one for each
    /// that this process may use at once.
    pub threads: Option<usize>,
    /// How threads wait.
    pub spinning: Spinning,
    /// In what form the weights are kept.
    pub precision: Precision,
    /// Positions in the KV cache, over all sequences; `None` for four whole contexts, but no
    /// more than 32,768. A position takes memory only when it is first used.
    pub kv_tokens: Option<usize>,
    /// Positions in a block of the KV cache: a multiple of 16.
    pub block_size: usize,
    /// The most sequences in one step.
    pub max_rows: usize,
    /// The most input tokens in one step, at least `max_rows`.
    pub max_step_tokens: usize,
}

impl Default for OnnxOptions {
    fn default() -> Self {
        Self {
            library: None,
            threads: None,
            spinning: Spinning::default(),
            precision: Precision::Native,
            kv_tokens: None,
            block_size: 16,
            max_rows: 32,
            max_step_tokens: 256,
        }
    }
}

impl OnnxOptions {
    /// The sizes that every engine has.
    pub(crate) fn capacity(&self) -> Capacity {
        Capacity {
            threads: self.threads,
            kv_tokens: self.kv_tokens,
            block_size: self.block_size,
            block_multiple: LANES,
            max_rows: self.max_rows,
            max_step_tokens: self.max_step_tokens,
        }
    }
}
