//! How the engine is set up.

use std::path::PathBuf;

use crate::LoadError;
use crate::attention::LANES;

/// Positions that the KV cache holds by default, if four whole contexts are more.
const DEFAULT_KV_TOKENS: usize = 32_768;
/// More threads than this are a mistake.
const MOST_THREADS: usize = 1_024;

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
    /// The number of threads that these options mean on this machine.
    pub(crate) fn threads(&self) -> Result<usize, LoadError> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(available);
        let allowed = format!("from 1 to {MOST_THREADS}");
        require(
            threads,
            (1..=MOST_THREADS).contains(&threads),
            "threads",
            &allowed,
        )
    }

    /// Blocks of the KV cache for a model.
    pub(crate) fn blocks(&self, context_length: usize) -> Result<usize, LoadError> {
        let size = self.block_size;
        let whole = size > 0 && size.is_multiple_of(LANES);
        require(size, whole, "block_size", "a multiple of 16")?;
        let default = || context_length.saturating_mul(4).min(DEFAULT_KV_TOKENS);
        let tokens = self.kv_tokens.unwrap_or_else(default);
        let least = format!("at least one block of {size} tokens, and fewer than 2^32 blocks");
        let fits = tokens >= size && u32::try_from(tokens / size).is_ok();
        require(tokens, fits, "kv_tokens", &least).map(|tokens| tokens / size)
    }

    /// Checks what the other methods do not.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        require(self.max_rows, self.max_rows > 0, "max_rows", "at least 1")?;
        let enough = self.max_step_tokens >= self.max_rows;
        let least = format!("at least max_rows ({})", self.max_rows);
        require(self.max_step_tokens, enough, "max_step_tokens", &least)?;
        Ok(())
    }
}

fn require(
    found: usize,
    holds: bool,
    option: &'static str,
    allowed: &str,
) -> Result<usize, LoadError> {
    if holds {
        return Ok(found);
    }
    let allowed = allowed.to_owned();
    Err(LoadError::Option {
        option,
        found,
        allowed,
    })
}
