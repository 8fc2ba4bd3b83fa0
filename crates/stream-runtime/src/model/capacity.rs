//! How much an engine is asked to take, as its user says it.

use super::Spec;

/// Positions that the KV cache holds by default, if four whole contexts are more.
const DEFAULT_KV_TOKENS: usize = 32_768;
/// More threads than this are a mistake.
const MOST_THREADS: usize = 1_024;

/// The sizes that every engine of this process lets its user choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Threads that compute; `None` for as many as the engine finds best.
    pub threads: Option<usize>,
    /// Positions in the KV cache, over all sequences; `None` for four whole contexts, but no
    /// more than 32,768.
    pub kv_tokens: Option<usize>,
    /// Positions in a block of the KV cache.
    pub block_size: usize,
    /// What the engine wants `block_size` to be a multiple of.
    pub block_multiple: usize,
    /// The most sequences in one step.
    pub max_rows: usize,
    /// The most input tokens in one step, at least `max_rows`.
    pub max_step_tokens: usize,
}

/// An option of an engine has a value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} is {found}, must be {allowed}")]
pub struct ImpossibleOption {
    /// Its name.
    pub option: &'static str,
    /// Its value.
    pub found: usize,
    /// What is possible.
    pub allowed: String,
}

impl Capacity {
    /// What a model with these sizes can take, without drafts and shared blocks.
    ///
    /// # Errors
    /// If a size is 0 or does not go together with the others.
    pub fn spec(&self, vocabulary: usize, context_length: usize) -> Result<Spec, ImpossibleOption> {
        require(self.max_rows, self.max_rows > 0, "max_rows", "at least 1")?;
        let enough = self.max_step_tokens >= self.max_rows;
        let least = format!("at least max_rows ({})", self.max_rows);
        require(self.max_step_tokens, enough, "max_step_tokens", &least)?;
        Ok(Spec {
            vocabulary,
            context_length,
            block_size: self.block_size,
            blocks: self.blocks(context_length)?,
            max_rows: self.max_rows,
            max_tokens: self.max_step_tokens,
            step_overhead: 0,
            shares_blocks: false,
        })
    }

    /// The number of threads asked for, or else the best.
    ///
    /// # Errors
    /// If it is 0 or absurd.
    pub fn threads(&self, best: impl FnOnce() -> usize) -> Result<usize, ImpossibleOption> {
        let threads = self.threads.unwrap_or_else(best);
        let allowed = format!("from 1 to {MOST_THREADS}");
        let possible = (1..=MOST_THREADS).contains(&threads);
        require(threads, possible, "threads", &allowed)
    }

    fn blocks(&self, context_length: usize) -> Result<usize, ImpossibleOption> {
        let size = self.block_size;
        let whole = size > 0 && size.is_multiple_of(self.block_multiple);
        let sizes = match self.block_multiple {
            1 => "at least 1".to_owned(),
            multiple => format!("a multiple of {multiple}"),
        };
        require(size, whole, "block_size", &sizes)?;
        let default = || context_length.saturating_mul(4).min(DEFAULT_KV_TOKENS);
        let tokens = self.kv_tokens.unwrap_or_else(default);
        let least = format!("at least one block of {size} tokens, and fewer than 2^32 blocks");
        let fits = tokens >= size && u32::try_from(tokens / size).is_ok();
        require(tokens, fits, "kv_tokens", &least).map(|tokens| tokens / size)
    }
}

fn require(
    found: usize,
    holds: bool,
    option: &'static str,
    allowed: &str,
) -> Result<usize, ImpossibleOption> {
    if holds {
        return Ok(found);
    }
    let allowed = allowed.to_owned();
    Err(ImpossibleOption {
        option,
        found,
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Capacity = Capacity {
        threads: None,
        kv_tokens: None,
        block_size: 16,
        block_multiple: 1,
        max_rows: 32,
        max_step_tokens: 256,
    };

    #[test]
    fn impossible_options_are_named() {
        for (capacity, message) in [
            (
                Capacity {
                    max_rows: 0,
                    ..USUAL
                },
                "max_rows is 0, must be at least 1",
            ),
            (
                Capacity {
                    max_step_tokens: 31,
                    ..USUAL
                },
                "max_step_tokens is 31, must be at least max_rows (32)",
            ),
            (
                Capacity {
                    block_size: 0,
                    ..USUAL
                },
                "block_size is 0, must be at least 1",
            ),
            (
                Capacity {
                    block_size: 24,
                    block_multiple: 16,
                    ..USUAL
                },
                "block_size is 24, must be a multiple of 16",
            ),
            (
                Capacity {
                    kv_tokens: Some(15),
                    ..USUAL
                },
                "kv_tokens is 15, must be at least one block of 16 tokens, and fewer than 2^32 \
                 blocks",
            ),
        ] {
            let error = capacity.spec(50, 16).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let none = Capacity {
            threads: Some(0),
            ..USUAL
        };
        let error = none.threads(|| 1).unwrap_err().to_string();
        assert_eq!(error, "threads is 0, must be from 1 to 1024");
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let blocks = |context| USUAL.spec(50, context).unwrap().blocks;
        assert_eq!(blocks(100), 25);
        assert_eq!(blocks(1_000_000), 32_768 / 16);
        assert_eq!(USUAL.threads(|| 3), Ok(3));
        let spec = USUAL.spec(50, 100).unwrap();
        assert_eq!((spec.vocabulary, spec.context_length), (50, 100));
        assert_eq!((spec.max_rows, spec.max_tokens), (32, 256));
    }
}
