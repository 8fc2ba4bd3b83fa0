//! How the engine is set up.

use crate::LoadError;

/// Positions that the KV cache holds by default, if four whole contexts are more.
const DEFAULT_KV_TOKENS: usize = 32_768;
/// More threads than this are a mistake.
const MOST_THREADS: usize = 1_024;

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
    pub fn threads(&self) -> Result<usize, LoadError> {
        let own = || usize::try_from(tch::get_num_threads()).unwrap_or(1);
        let threads = self.threads.unwrap_or_else(own);
        let possible = (1..=MOST_THREADS).contains(&threads);
        let allowed = format!("from 1 to {MOST_THREADS}");
        require(threads, possible, "threads", &allowed)
    }

    /// Blocks of the KV cache for a model.
    pub(super) fn blocks(&self, context_length: usize) -> Result<usize, LoadError> {
        let size = require(
            self.block_size,
            self.block_size > 0,
            "block_size",
            "at least 1",
        )?;
        let default = || context_length.saturating_mul(4).min(DEFAULT_KV_TOKENS);
        let tokens = self.kv_tokens.unwrap_or_else(default);
        let least = format!("at least one block of {size} tokens, and fewer than 2^32 blocks");
        let fits = tokens >= size && u32::try_from(tokens / size).is_ok();
        require(tokens, fits, "kv_tokens", &least).map(|tokens| tokens / size)
    }

    /// Checks what the other methods do not.
    pub(super) fn check(&self) -> Result<(), LoadError> {
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
