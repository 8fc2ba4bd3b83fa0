//! How the engine is set up.

use stream_runtime::{Capacity, ImpossibleOption};

use crate::simd::LANES;

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
    pub fn threads(&self) -> Result<usize, ImpossibleOption> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let cores = || candle_core::utils::get_num_threads().min(available());
        self.capacity().threads(cores)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_uses_this_machine() {
        let options = CandleOptions::default();
        options.capacity().spec(1, 1_024).unwrap();
        let most = std::thread::available_parallelism().unwrap().get();
        assert!((1..=most).contains(&options.threads().unwrap()));
    }
}
