//! Which sequence does what in the next step. Plain data: no clock, no thread, no channel, so
//! that it can be tested in every order of events, and measured without a model.
//!
//! Sequences stand in one list, oldest first. One that holds KV blocks runs, one that holds none
//! waits; sequences join and leave between any two steps. [`Scheduler::plan`] fills a step so:
//!
//! 1. **Decode first.** Every running sequence that has one token to compute gets a row.
//! 2. **Prefill with what is left**, oldest first, in chunks: a long prompt never stops those
//!    that decode, and advances in every step that they leave room in.
//! 3. **Admit in order of arrival.** A waiting sequence gets blocks for all its tokens at once.
//!    While the first does not fit, nobody overtakes it. One that waits for a prefix lets others
//!    pass as far as there is room for all of them.
//!
//! A sequence takes part only while it has a permit: room in its stream for one token, which
//! sampling uses up. A new stream has room, so a prompt never waits for its reader. Without a
//! permit a sequence is paused: it keeps its blocks as long as nobody else needs them.
//!
//! **Drafts.** A sequence that decodes may be given further positions on trial
//! (`Scheduler::draft`), from what the plan has left of the step and from free blocks: nobody
//! gives way to a guess. Blocks that a rejected draft has reached into are free again at once, so
//! that every plan is what it would be without drafts.
//!
//! **Preemption.** When a block is missing, a paused sequence gives up its blocks, the newest
//! first; if there is none, the newest sequence that runs, if it is newer than the one in need.
//! It waits again, in its old place and so before all that have never run, and of its tokens
//! those are computed anew whose blocks were taken meanwhile. A sequence that finds nobody to give way keeps its blocks and sits this step
//! out.
//!
//! **Nobody starves.** Only a newer sequence gives way to an older one, so that the oldest one
//! that runs is always served, comes to its end, and leaves its place to the next. Two cannot
//! preempt each other in turns: the one that came first stays. A paused sequence may be the
//! older one, but when it waits again it displaces nobody who makes progress, and it holds a
//! permit for at least one token when it is admitted.
//!
//! **Prefix cache.** Full blocks are named by all tokens up to their end. A sequence that is
//! admitted takes over the longest run of them that is known, and shares them with whoever holds
//! them; its last token is computed in any case, because something is chosen after it. Blocks
//! that nobody holds stay known until their memory is needed.
//!
//! A block becomes known when a token was chosen, from logits without fault, by the sequence that
//! computed it. Such logits have read every key and value before them, so that a NaN in one would
//! have shown. What a sequence computed and never chose after, because it was cancelled, had no
//! finite logit, or was in a step that failed, is therefore never read by another, and a sequence
//! that ends so has nothing to take back: the blocks that it shared before were good.
//!
//! Several sequences that begin alike and come together compute their beginning once: while an
//! older one is on its way to its first choice, the others wait for the blocks that it will
//! share. It has its turn before theirs all the same, so they lose the rest of one step at most.

mod admission;
mod blocks;
mod idle;
mod plan;
mod prefix;
mod sequence;
#[cfg(test)]
mod tests;

pub use plan::{Plan, Work};
pub use sequence::Prefix;

use stream_core::TokenId;

use crate::ascending::Hint;
use crate::{BlockId, SequenceId, Spec};
use admission::SetAside;
use blocks::BlockPool;
use sequence::Sequence;

/// Decides what every step computes, and owns the KV blocks.
#[derive(Debug)]
pub struct Scheduler {
    spec: Spec,
    pool: BlockPool,
    /// Ascending by id: oldest first.
    sequences: Vec<Sequence>,
    /// Where one was found last.
    hint: Hint,
    /// How many of them are over and leave the list with the next plan: all at once, because
    /// each one that leaves moves all that are newer.
    over: usize,
    preemptions: u64,
    prefix_use: PrefixUse,
}

/// Tokens of the sequences that asked the prefix cache, when they were first admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PrefixUse {
    /// All of them.
    pub(crate) queries: u64,
    /// Those that need not be computed.
    pub(crate) hits: u64,
}

impl Scheduler {
    /// A scheduler without sequences, for a model that can take so much: nothing of it is 0, and
    /// a step has a token for each of its rows at least.
    pub fn new(spec: &Spec) -> Self {
        Self {
            spec: spec.clone(),
            pool: BlockPool::new(spec),
            sequences: Vec::new(),
            hint: Hint::default(),
            over: 0,
            preemptions: 0,
            prefix_use: PrefixUse::default(),
        }
    }

    /// A new sequence waits, without a permit. With the tokens that it may still get it fits
    /// into the KV cache.
    pub fn add(&mut self, id: SequenceId, tokens: &[TokenId], prefix: Prefix) {
        let place = self.sequences.partition_point(|s| s.id < id);
        let mut sequence = Sequence::new(id, tokens.len(), prefix);
        if self.spec.shares_blocks {
            sequence.name_blocks(tokens, self.spec.block_size);
        }
        self.sequences.insert(place, sequence);
    }

    /// The sequence is over; its blocks are free at once. Those of them that are shared stay in
    /// the prefix cache until they are needed.
    pub fn remove(&mut self, id: SequenceId) {
        if let Some(i) = self.find(id) {
            let sequence = &mut self.sequences[i];
            self.pool.take_back(&mut sequence.blocks);
            sequence.end();
            self.over += 1;
        }
    }

    /// The sequence's stream has room for one more token.
    pub fn grant(&mut self, id: SequenceId) {
        if let Some(i) = self.find(id) {
            self.sequences[i].permit = true;
        }
    }

    /// The next step. Sequences that are preempted for it have lost their blocks.
    pub fn plan(&mut self) -> Plan {
        let mut plan = Plan::new(self.spec.max_tokens);
        if std::mem::take(&mut self.over) > 0 {
            self.sequences.retain(|s| !s.is_over());
        }
        let end = self.end_of_rows();
        self.plan_decodes(end, &mut plan);
        self.plan_prefills(end, &mut plan);
        plan
    }

    /// Has a row of the plan, one that decodes, compute the positions of a draft too: of so many
    /// tokens as many as there is room for in the step and in free blocks. Returns how many.
    pub(crate) fn draft(&mut self, plan: &mut Plan, row: usize, tokens: usize) -> usize {
        let found = self.find(plan.work()[row].sequence);
        let Some(i) = found.filter(|_| tokens > 0) else {
            return 0;
        };
        let sequence = &mut self.sequences[i];
        let known = sequence.tokens();
        let room = self.pool.room(&sequence.blocks) - known;
        let draft = plan.draft(row, tokens.min(room));
        self.pool.grow(&mut sequence.blocks, known + draft);
        draft
    }

    /// The draft of a row is not tried: its blocks are free again.
    pub(crate) fn forget_draft(&mut self, work: &Work) {
        if let Some(i) = self.find(work.sequence).filter(|_| work.draft > 0) {
            let sequence = &mut self.sequences[i];
            self.pool.shrink(&mut sequence.blocks, work.positions.end);
        }
    }

    /// The model has done this part of a step, and `accepted` tokens of its draft were right.
    pub fn done(&mut self, work: &Work, accepted: usize) {
        if let Some(i) = self.find(work.sequence) {
            let sequence = &mut self.sequences[i];
            let computed = work.positions.end + accepted;
            sequence.computed_to(computed);
            if work.draft > accepted {
                self.pool.shrink(&mut sequence.blocks, computed);
            }
            if work.sample {
                sequence.sampled(accepted + 1);
            }
        }
    }

    /// From now on others may use the sequence's blocks that are full of these tokens, its first
    /// ones. They are all in the KV cache, and nothing will change them. A choice was made from
    /// logits that were without fault, after the last of them.
    pub fn share(&mut self, id: SequenceId, tokens: &[TokenId]) {
        let full = tokens.len() / self.spec.block_size;
        let Some(i) = self.find(id).filter(|_| self.spec.shares_blocks) else {
            return;
        };
        let sequence = &mut self.sequences[i];
        if full > sequence.shared {
            sequence.name_blocks(tokens, self.spec.block_size);
            sequence.share(full, &mut self.pool);
        }
    }

    /// The KV cache has lost its contents: everything is to be computed again.
    pub(crate) fn preempt_all(&mut self) {
        for i in 0..self.sequences.len() {
            self.preempt(i);
        }
        self.pool.forget();
    }

    /// The blocks of a sequence; none while it waits.
    pub fn blocks(&self, id: SequenceId) -> &[BlockId] {
        self.find(id).map_or(&[], |i| &self.sequences[i].blocks)
    }

    /// How many sequences hold KV blocks.
    pub(crate) fn running(&self) -> usize {
        self.sequences.iter().filter(|s| s.is_running()).count()
    }

    /// How many sequences hold none.
    pub(crate) fn waiting(&self) -> usize {
        self.sequences.len() - self.over - self.running()
    }

    /// Blocks that sequences hold, each counted once however many share it, and blocks in all.
    pub(crate) fn kv_blocks(&self) -> (usize, usize) {
        (self.pool.used(), self.pool.total())
    }

    /// How often a sequence lost its blocks.
    pub(crate) fn preemptions(&self) -> u64 {
        self.preemptions
    }

    /// What the prefix cache was good for until now.
    pub(crate) fn prefix_use(&self) -> PrefixUse {
        self.prefix_use
    }

    fn find(&self, id: SequenceId) -> Option<usize> {
        let found = self.hint.find(&self.sequences, id, |s| s.id);
        found.filter(|&i| !self.sequences[i].is_over())
    }

    /// Where the rows of a step run out. That there are more active sequences than rows happens
    /// only when paused ones come back.
    fn end_of_rows(&self) -> usize {
        let active = (0..).zip(&self.sequences).filter(|(_, s)| s.is_active());
        let beyond = active.map(|(i, _)| i).nth(self.spec.max_rows);
        beyond.unwrap_or(self.sequences.len())
    }

    fn plan_decodes(&mut self, end: usize, plan: &mut Plan) {
        for i in 0..end {
            // An older sequence may just have preempted this one: then it decodes no more.
            let sequence = &self.sequences[i];
            if sequence.decodes() && sequence.is_active() && self.extend(i) {
                self.add_to(plan, i);
            }
        }
    }

    fn plan_prefills(&mut self, end: usize, plan: &mut Plan) {
        let (mut admitting, mut aside) = (true, SetAside::default());
        let mut active = self.sequences.iter().filter(|s| s.is_active()).count();
        for i in 0..end {
            if plan.is_full() {
                return;
            }
            let sequence = &self.sequences[i];
            if !sequence.permit || sequence.decodes() {
                continue;
            }
            if !sequence.is_running() {
                admitting = admitting && self.admit(i, active, &mut aside);
                active += usize::from(self.sequences[i].is_active());
            }
            if self.sequences[i].is_running() {
                self.add_to(plan, i);
            }
        }
    }

    fn add_to(&self, plan: &mut Plan, i: usize) {
        plan.add(self.sequences[i].id, self.sequences[i].pending());
    }

    /// Sees to it that the sequence has blocks for all its tokens.
    fn extend(&mut self, i: usize) -> bool {
        loop {
            let sequence = &mut self.sequences[i];
            let tokens = sequence.tokens();
            if self.pool.grow(&mut sequence.blocks, tokens) {
                return true;
            }
            match self.newest_paused().or_else(|| self.newest_after(i)) {
                Some(victim) => self.preempt(victim),
                None => return false,
            }
        }
    }

    fn newest_paused(&self) -> Option<usize> {
        self.sequences.iter().rposition(Sequence::is_paused)
    }

    fn newest_after(&self, i: usize) -> Option<usize> {
        let newest = self.sequences.iter().rposition(Sequence::is_running)?;
        (newest > i).then_some(newest)
    }

    fn preempt(&mut self, i: usize) {
        let sequence = &mut self.sequences[i];
        if sequence.is_running() {
            self.pool.take_back(&mut sequence.blocks);
            sequence.forget();
            self.preemptions += 1;
        }
    }
}
