//! How the engine is set up.

use crate::LoadError;
use crate::simd::LANES;

/// Positions that the KV cache holds by default, if four whole contexts are more.
const DEFAULT_KV_TOKENS: usize = 32_768;
/// More threads than this are a mistake.
const MOST_THREADS: usize = 1_024;

/// In what form the weights are kept and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Quantised weights as they are in the file, with activations rounded to 8 bits in blocks
    /// of 32 and keys and values kept in half precision.
    #[default]
    Native,
    /// Everything in `f32`. Slower, and four bytes a weight; for comparison with a reference.
    F32,
}

/// How a model is loaded and how much it can take. All fields have a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleOptions {
    /// Threads that compute, the one that drives the model among them; `None` for one for each
    /// physical core that this process may use (candle's own count, which obeys
    /// `RAYON_NUM_THREADS`). It binds whatever candle and rayon are set to: every step runs on
    /// the model's own threads.
    pub threads: Option<usize>,
    /// In what form the weights are kept.
    pub precision: Precision,
    /// Positions in the KV cache, over all sequences; `None` for four whole contexts, but no
    /// more than 32,768. A position takes memory only when it is first used; with a prefix cache
    /// all of them are in time.
    pub kv_tokens: Option<usize>,
    /// Positions in a block of the KV cache: a multiple of 16.
    pub block_size: usize,
    /// The most sequences in one step.
    pub max_rows: usize,
    /// The most input tokens in one step, at least `max_rows`.
    pub max_step_tokens: usize,
}

impl Default for CandleOptions {
    fn default() -> Self {
        Self {
            threads: None,
            precision: Precision::Native,
            kv_tokens: None,
            block_size: 16,
            max_rows: 32,
            max_step_tokens: 256,
        }
    }
}

impl CandleOptions {
    /// The number of threads that these options mean on this machine.
    ///
    /// # Errors
    /// If the number asked for is 0 or absurd.
    pub fn threads(&self) -> Result<usize, LoadError> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let cores = || candle_core::utils::get_num_threads().min(available());
        let threads = self.threads.unwrap_or_else(cores);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut CandleOptions)) -> CandleOptions {
        let mut options = CandleOptions::default();
        change(&mut options);
        options
    }

    #[test]
    fn impossible_options_are_named() {
        for (options, named) in [
            (
                options(|o| o.max_rows = 0),
                "max_rows is 0, must be at least 1",
            ),
            (
                options(|o| o.max_step_tokens = 31),
                "max_step_tokens is 31, must be at least max_rows (32)",
            ),
        ] {
            assert_eq!(options.check().unwrap_err().to_string(), named);
        }
        let few = options(|o| o.kv_tokens = Some(15)).blocks(16);
        let named =
            "kv_tokens is 15, must be at least one block of 16 tokens, and fewer than 2^32 blocks";
        assert_eq!(few.unwrap_err().to_string(), named);
        let threads = options(|o| o.threads = Some(0)).threads().unwrap_err();
        assert_eq!(threads.to_string(), "threads is 0, must be from 1 to 1024");
    }

    #[test]
    fn the_default_is_valid_and_uses_this_machine() {
        let options = CandleOptions::default();
        options.check().unwrap();
        let most = std::thread::available_parallelism().unwrap().get();
        assert!((1..=most).contains(&options.threads().unwrap()));
    }
}
