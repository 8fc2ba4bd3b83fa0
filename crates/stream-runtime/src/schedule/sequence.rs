//! What the scheduler knows of a sequence.

use std::ops::Range;

use crate::{BlockId, SequenceId};

#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) id: SequenceId,
    /// Tokens of prompt and answer until now.
    tokens: usize,
    /// How many of them are in the KV cache.
    computed: usize,
    /// Whether its stream has room for one more token.
    pub(super) permit: bool,
    /// None while it waits.
    pub(super) blocks: Vec<BlockId>,
}

impl Sequence {
    pub(super) fn new(id: SequenceId, tokens: usize) -> Self {
        Self {
            id,
            tokens,
            computed: 0,
            permit: false,
            blocks: Vec::new(),
        }
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Positions that are not computed yet, the last of which is to be sampled after.
    pub(super) fn pending(&self) -> Range<usize> {
        self.computed..self.tokens
    }

    pub(super) fn is_running(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// It runs, and only its newest token is left to be computed.
    pub(super) fn decodes(&self) -> bool {
        self.computed > 0 && self.computed + 1 == self.tokens
    }

    /// It runs, and may have a row.
    pub(super) fn is_active(&self) -> bool {
        self.is_running() && self.permit
    }

    /// It keeps KV blocks, but its reader leaves it no room.
    pub(super) fn is_paused(&self) -> bool {
        self.is_running() && !self.permit
    }

    pub(super) fn computed_to(&mut self, position: usize) {
        self.computed = position;
    }

    /// A token was chosen, and the permit is used up.
    pub(super) fn sampled(&mut self) {
        self.tokens += 1;
        self.permit = false;
    }

    /// Everything is to be computed again.
    pub(super) fn forget(&mut self) {
        self.computed = 0;
    }
}
