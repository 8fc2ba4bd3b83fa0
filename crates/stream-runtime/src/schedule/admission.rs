//! How a sequence that waits comes to its blocks.

use super::Scheduler;
use super::sequence::{Prefix, Sequence};

/// What a step keeps free for sequences that wait, though there is room for them, because an
/// older one is about to compute what they begin with.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    rows: usize,
    blocks: usize,
}

impl Scheduler {
    /// Admits a sequence that waits, beside so many `active` ones, if there is room for it and
    /// nothing better to wait for. Says if those behind it may be admitted too.
    ///
    /// Every sequence that makes progress keeps one free block to grow into, so that a newcomer
    /// is not preempted at once.
    pub(super) fn admit(&mut self, i: usize, active: usize, aside: &mut SetAside) -> bool {
        if active + aside.rows >= self.spec.max_rows {
            return false;
        }
        let sequence = &self.sequences[i];
        let cached = self.pool.cached(sequence.wanted(self.spec.block_size));
        let missing = self.pool.blocks_for(sequence.tokens()) - cached;
        if self.is_prepared(i, cached) {
            aside.rows += 1;
            aside.blocks += missing + 1;
            return true;
        }
        self.take_over(i, cached);
        let fits = self.make_room(missing + active + aside.blocks) && self.extend(i);
        match fits {
            true => self.start(i, cached),
            false => self.pool.take_back(&mut self.sequences[i].blocks),
        }
        fits
    }

    /// Whether an older sequence is about to compute the block that this one needs after so many
    /// cached ones. It has its turn before this one in any case, so that waiting for it costs no
    /// more than the rest of one step, and nobody waits for somebody who waits for him.
    fn is_prepared(&self, i: usize, cached: usize) -> bool {
        let (older, sequence) = (&self.sequences[..i], &self.sequences[i]);
        let next = sequence.wanted(self.spec.block_size).get(cached);
        next.is_some_and(|name| older.iter().any(|s| s.prepares(cached, name)))
    }

    /// Lets the sequence hold so many cached blocks, so that nothing that is done to make room
    /// for it takes them away.
    fn take_over(&mut self, i: usize, cached: usize) {
        let sequence = &mut self.sequences[i];
        let mut blocks = std::mem::take(&mut sequence.blocks);
        let names = &sequence.wanted(self.spec.block_size)[..cached];
        self.pool.hold(&mut blocks, names);
        sequence.blocks = blocks;
    }

    /// Has paused sequences give way until so many blocks are available. Where that does not
    /// help, it does nothing.
    fn make_room(&mut self, needed: usize) -> bool {
        if needed <= self.pool.available() {
            return true;
        }
        let paused = self.sequences.iter().filter(|s| s.is_paused());
        let freed = self.pool.freed_by(paused.map(|s| &s.blocks[..]));
        if needed > self.pool.available() + freed {
            return false;
        }
        while needed > self.pool.available()
            && let Some(paused) = self.sequences.iter().rposition(Sequence::is_paused)
        {
            self.preempt(paused);
        }
        true
    }

    /// It has its blocks, of which so many are computed.
    fn start(&mut self, i: usize, cached: usize) {
        let sequence = &mut self.sequences[i];
        let computed = cached * self.spec.block_size;
        sequence.computed_to(computed);
        sequence.shared = cached;
        let asks = self.spec.shares_blocks && sequence.prefix == Prefix::Reused;
        if !std::mem::replace(&mut sequence.admitted, true) && asks {
            self.prefix_use.queries += sequence.tokens() as u64;
            self.prefix_use.hits += computed as u64;
        }
    }
}
