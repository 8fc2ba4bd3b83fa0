//! The trait that an in-process engine implements.

mod capacity;
mod check;
mod outcome;
mod task;

pub use capacity::{Capacity, ImpossibleOption};
pub use outcome::{Chosen, Next, Probable, Scored};
pub use task::{Batch, Choice, Given, Row, Task};

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
    /// What a step costs whatever it holds, reading the weights above all, counted in tokens: a
    /// step of `n` tokens takes about as long as `n + step_overhead` of them would by
    /// themselves. The larger it is, the more speculative decoding gains. 0 is for a model that
    /// has nothing to gain, or cannot choose at several positions of one row: it is given one
    /// choice a row.
    pub step_overhead: usize,
    /// Whether sequences may share full blocks: what a block holds depends on nothing but the
    /// tokens up to its end, and a row reads what another has written. The loop then keeps a
    /// prefix cache, if [`EngineConfig::prefix_cache`](crate::EngineConfig::prefix_cache) lets
    /// it. A model that keeps a state for each sequence beside the blocks says no.
    pub shares_blocks: bool,
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
    /// blocks, and does each row's [tasks](Row::tasks): it chooses tokens, and scores known ones.
    ///
    /// # Errors
    /// If the step cannot be done; its rows are then failed, and nothing of it is kept.
    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError>;

    /// Waits for a step and appends an outcome to `next` for each task, in the order of the rows
    /// and, within a row, of its [`Row::tasks`].
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
    /// What kind of fault it is.
    pub kind: ModelErrorKind,
    /// What went wrong.
    pub message: String,
}

/// What the loop can do about a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// There was not memory enough for a step of this size, and the KV cache is as it was but for
    /// the positions that the step was to write. The loop tries once more with half of the step.
    OutOfMemory,
    /// Anything else. The loop resets the model.
    Other,
}

impl ModelError {
    /// An error that says what its source said.
    pub fn new(source: impl ToString) -> Self {
        Self {
            kind: ModelErrorKind::Other,
            message: source.to_string(),
        }
    }

    /// As [`new`](Self::new), where a smaller step might fit into the memory.
    pub fn out_of_memory(source: impl ToString) -> Self {
        Self {
            kind: ModelErrorKind::OutOfMemory,
            ..Self::new(source)
        }
    }
}
