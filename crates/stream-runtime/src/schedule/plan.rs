//! What the scheduler decides.

use std::ops::Range;

use crate::SequenceId;

/// One sequence's part of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) sequence: SequenceId,
    /// The positions to compute.
    pub(crate) positions: Range<usize>,
    /// Whether a token is chosen after the last of them.
    pub(crate) sample: bool,
}

/// The work of one step, with the room that is left in it.
#[derive(Debug)]
pub(crate) struct Plan {
    work: Vec<Work>,
    tokens_left: usize,
}

impl Plan {
    pub(super) fn new(max_tokens: usize) -> Self {
        Self {
            work: Vec::new(),
            tokens_left: max_tokens,
        }
    }

    pub(crate) fn work(&self) -> &[Work] {
        &self.work
    }

    /// Whether no sequence has anything to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.work.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.tokens_left == 0
    }

    /// Adds as many of the `pending` positions as there is room for.
    pub(super) fn add(&mut self, sequence: SequenceId, pending: Range<usize>) {
        let end = pending.end.min(pending.start + self.tokens_left);
        self.tokens_left -= end - pending.start;
        self.work.push(Work {
            sequence,
            positions: pending.start..end,
            sample: end == pending.end,
        });
    }
}
