//! What the scheduler knows of a sequence.

use std::ops::Range;

use stream_core::TokenId;

use super::blocks::BlockPool;
use super::prefix::BlockName;
use crate::{BlockId, SequenceId};

/// What a sequence has to do with the prefix cache. What it computes may always be used again,
/// by itself too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefix {
    /// Takes over what is cached.
    #[default]
    Reused,
    /// Computes everything, because something is asked for at its positions.
    Computed,
}

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
    /// How many of its first blocks are in the prefix cache.
    pub(super) shared: usize,
    /// Those of its full blocks, as far as they are worked out; none if blocks are not shared.
    names: Vec<BlockName>,
    pub(super) prefix: Prefix,
    /// It has held blocks before.
    pub(super) admitted: bool,
    /// A token was chosen since it got its blocks.
    chosen: bool,
    over: bool,
}

impl Sequence {
    pub(super) fn new(id: SequenceId, tokens: usize, prefix: Prefix) -> Self {
        Self {
            id,
            tokens,
            computed: 0,
            permit: false,
            blocks: Vec::new(),
            shared: 0,
            names: Vec::new(),
            prefix,
            admitted: false,
            chosen: false,
            over: false,
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

    /// Names the full blocks of its tokens, which begin with those that are named already.
    pub(super) fn name_blocks(&mut self, tokens: &[TokenId], block_size: usize) {
        for block in tokens.chunks_exact(block_size).skip(self.names.len()) {
            let before = self.names.last().unwrap_or(&BlockName::ROOT);
            self.names.push(before.then(block));
        }
    }

    /// Puts its first blocks, so many, into the prefix cache.
    pub(super) fn share(&mut self, blocks: usize, pool: &mut BlockPool) {
        let new = self.shared..blocks;
        let named = self.blocks[new.clone()].iter_mut().zip(&self.names[new]);
        named.for_each(|(block, name)| pool.share(block, *name));
        self.shared = blocks;
    }

    fn name(&self, block: usize) -> Option<&BlockName> {
        self.names.get(block)
    }

    /// The names of the blocks that it would take over: those that end before its newest token,
    /// after which something is chosen.
    pub(super) fn wanted(&self, block_size: usize) -> &[BlockName] {
        let most = match self.prefix {
            Prefix::Reused => (self.tokens - 1) / block_size,
            Prefix::Computed => 0,
        };
        &self.names[..most.min(self.names.len())]
    }

    /// Whether its block of this number has this name, and will be in the cache when it comes to
    /// its next choice, without anything more from its reader.
    pub(super) fn prepares(&self, block: usize, name: &BlockName) -> bool {
        self.is_active() && !self.chosen && self.name(block) == Some(name)
    }

    pub(super) fn computed_to(&mut self, position: usize) {
        self.computed = position;
    }

    /// Tokens were chosen, and the permit is used up.
    pub(super) fn sampled(&mut self, tokens: usize) {
        self.tokens += tokens;
        self.permit = false;
        self.chosen = true;
    }

    /// It has given up its blocks, and wants nothing any more.
    pub(super) fn end(&mut self) {
        self.permit = false;
        self.over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// It has lost its blocks: what nobody keeps for it is to be computed again.
    pub(super) fn forget(&mut self) {
        self.computed = 0;
        self.shared = 0;
        self.chosen = false;
    }
}
