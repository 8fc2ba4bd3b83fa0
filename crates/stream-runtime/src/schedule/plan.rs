//! What the scheduler decides.

use std::ops::Range;

use crate::SequenceId;

/// One sequence's part of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Whose part it is.
    pub sequence: SequenceId,
    /// The positions to compute.
    pub positions: Range<usize>,
    /// Whether a token is chosen after the last of them.
    pub sample: bool,
    /// Positions behind them to compute on trial, a token being chosen after each too.
    pub draft: usize,
}

impl Work {
    /// Whether this is one position with a choice after it.
    pub(crate) fn decodes(&self) -> bool {
        self.sample && self.positions.len() == 1
    }
}

/// The work of one step, with the room that is left in it.
#[derive(Debug)]
pub struct Plan {
    work: Vec<Work>,
    max_tokens: usize,
    tokens_left: usize,
}

impl Plan {
    pub(super) fn new(max_tokens: usize) -> Self {
        Self {
            work: Vec::new(),
            max_tokens,
            tokens_left: max_tokens,
        }
    }

    /// The parts, those that decode first.
    pub fn work(&self) -> &[Work] {
        &self.work
    }

    /// Whether no sequence has anything to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.work.is_empty()
    }

    /// Input tokens, those of drafts too.
    pub(crate) fn tokens(&self) -> usize {
        self.max_tokens - self.tokens_left
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
            draft: 0,
        });
    }

    /// Adds as many of so many draft tokens to a row as there is room for.
    pub(super) fn draft(&mut self, row: usize, tokens: usize) -> usize {
        let draft = tokens.min(self.tokens_left);
        self.tokens_left -= draft;
        self.work[row].draft = draft;
        draft
    }

    /// The first half of the work, without any draft, for a model that has no memory for all of
    /// it. What is left out is planned again. `None` if there is no half.
    pub(crate) fn half(&self) -> Option<Self> {
        let mut half = Self::new(self.tokens() / 2);
        for work in &self.work {
            if half.is_full() {
                break;
            }
            half.add(work.sequence, work.positions.clone());
            if let Some(last) = half.work.last_mut() {
                last.sample &= work.sample;
            }
        }
        (!half.is_empty()).then_some(half)
    }
}
