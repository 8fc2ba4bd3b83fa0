//! The trait that an in-process engine implements.

use std::ops::Range;

use stream_core::{Sampling, TokenId};

use crate::sample::{DrawKey, TokenCounts};

/// A sequence of tokens that the model works on; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceId(pub u64);

/// The number of a block of the paged KV cache, smaller than [`Spec::blocks`].
pub type BlockId = u32;

/// What a model can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Width of the logits: every id is smaller than this.
    pub vocabulary: usize,
    /// The most positions of one sequence.
    pub context_length: usize,
    /// Positions in one KV block.
    pub block_size: usize,
    /// Blocks in the KV cache.
    pub blocks: usize,
    /// The most rows in one step.
    pub max_rows: usize,
    /// The most input tokens in one step, over all rows.
    pub max_tokens: usize,
}

impl Spec {
    /// Positions that the KV cache holds in all.
    pub fn kv_tokens(&self) -> usize {
        self.block_size * self.blocks
    }
}

/// An engine's forward pass with its sampling: the one thing that differs between engines.
///
/// The loop calls [`launch`](Model::launch) and [`collect`](Model::collect) in turns from one
/// thread. An engine whose device works by itself returns from `launch` while it still does; a
/// CPU engine does its work there. The KV cache is the model's memory, but which of its blocks
/// hold what is the scheduler's business alone.
pub trait Model: Send + 'static {
    /// A step under way.
    type Ticket;

    /// What the model can take. Constant.
    fn spec(&self) -> &Spec;

    /// Starts a step over every row of `batch`: writes the rows' keys and values into their
    /// blocks, and chooses a token at each position to be sampled.
    ///
    /// # Errors
    /// If the step cannot be done; its rows are then failed, and nothing of it is kept.
    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError>;

    /// Waits for a step and appends its choices to `next`, in the order of the rows and, within
    /// a row, of its [`Row::sample`] positions.
    ///
    /// # Errors
    /// If the step failed; its rows are then failed.
    fn collect(&mut self, ticket: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError>;

    /// The sequence is gone: drops what the model keeps for it besides KV blocks.
    fn release(&mut self, sequence: SequenceId) {
        let _ = sequence;
    }

    /// Brings the model back to a state in which it can step, after an error or a panic. No
    /// block holds anything that is still needed.
    ///
    /// # Errors
    /// If the model is beyond repair; the engine then reports that it has failed.
    fn reset(&mut self) -> Result<(), ModelError> {
        Ok(())
    }
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What went wrong.
    pub message: String,
}

impl ModelError {
    /// An error that says what its source said.
    pub fn new(source: impl ToString) -> Self {
        Self {
            message: source.to_string(),
        }
    }
}

/// The work of one step: sequences that decode and sequences that prefill, side by side.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// At most [`Spec::max_rows`], with at most [`Spec::max_tokens`] input tokens in all.
    pub rows: &'a [Row<'a>],
}

/// One sequence's part of a step.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Whose tokens these are.
    pub sequence: SequenceId,
    /// The blocks of the whole sequence: position `p` lies in `blocks[p / block_size]` at
    /// `p % block_size`. They reach to the row's last token at least.
    pub blocks: &'a [BlockId],
    /// Position of the first input token; everything before it is in the cache.
    pub start: usize,
    /// The input tokens, at least one.
    pub tokens: &'a [TokenId],
    /// Which of `tokens` to sample after, as a range of indices into it: empty while a prompt
    /// is read, the last one to decode.
    pub sample: Range<usize>,
    /// How to choose at the first of them; the draw's position grows by one for each further.
    pub choice: Choice<'a>,
}

/// How one token is chosen from its logits.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// The request's parameters.
    pub sampling: &'a Sampling,
    /// Makes the draw the same in every batch.
    pub key: DrawKey,
    /// The tokens so far, for penalties; empty where the request has none.
    pub history: &'a TokenCounts,
    /// Ids that must not be chosen.
    pub banned: &'a [TokenId],
}

/// The outcome of one choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The token that was chosen.
    Token(TokenId),
    /// No distribution: no logit that may be chosen is finite, or one of them is +∞.
    NoFiniteLogit,
}
