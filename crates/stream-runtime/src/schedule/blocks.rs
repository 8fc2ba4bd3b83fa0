//! Who holds which block of the KV cache.

use super::prefix::{BlockName, PrefixCache};
use crate::{BlockId, Spec};

/// The blocks, with how many sequences hold each.
///
/// A block that nobody holds is available: it is in the prefix cache, or else free. Free ones are
/// used before cached ones, and last in, first out: what was used a moment ago is used again
/// first.
#[derive(Debug)]
pub(super) struct BlockPool {
    holders: Vec<u32>,
    free: Vec<BlockId>,
    cache: PrefixCache,
    block_size: usize,
}

impl BlockPool {
    pub(super) fn new(spec: &Spec) -> Self {
        Self {
            holders: vec![0; spec.blocks],
            free: (0..spec.blocks as BlockId).rev().collect(),
            cache: PrefixCache::new(spec.blocks),
            block_size: spec.block_size,
        }
    }

    /// Blocks that nobody holds.
    pub(super) fn available(&self) -> usize {
        self.free.len() + self.cache.idle()
    }

    /// Blocks that somebody holds, each counted once.
    pub(super) fn used(&self) -> usize {
        self.total() - self.available()
    }

    pub(super) fn total(&self) -> usize {
        self.holders.len()
    }

    /// Blocks that this many tokens need.
    pub(super) fn blocks_for(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.block_size)
    }

    /// Lets `owner` grow until it has room for `tokens`, as far as there are available blocks.
    pub(super) fn grow(&mut self, owner: &mut Vec<BlockId>, tokens: usize) -> bool {
        let missing = self.blocks_for(tokens).saturating_sub(owner.len());
        if missing > self.available() {
            return false;
        }
        for _ in 0..missing {
            let evicted = || self.cache.evict();
            owner.extend(self.free.pop().or_else(evicted));
        }
        let grown = owner.len() - missing;
        owner[grown..]
            .iter()
            .for_each(|&block| self.holders[block as usize] = 1);
        true
    }

    /// Tokens that an owner of these blocks would have room for with every one that is available.
    pub(super) fn room(&self, blocks: &[BlockId]) -> usize {
        (blocks.len() + self.available()) * self.block_size
    }

    /// Takes back what `owner` does not need for so many tokens.
    pub(super) fn shrink(&mut self, owner: &mut Vec<BlockId>, tokens: usize) {
        let needed = self.blocks_for(tokens).min(owner.len());
        owner
            .drain(needed..)
            .rev()
            .for_each(|block| self.drop_one(block));
    }

    /// Takes every block of `owner` back, the last one first.
    pub(super) fn take_back(&mut self, owner: &mut Vec<BlockId>) {
        owner.drain(..).rev().for_each(|block| self.drop_one(block));
    }

    /// How many of the first blocks with these names are in the cache.
    pub(super) fn cached(&self, names: &[BlockName]) -> usize {
        let found = |name| self.cache.find(name).is_some();
        names.iter().take_while(|name| found(name)).count()
    }

    /// Lets `owner`, which has none yet, hold the cached blocks with these names.
    pub(super) fn hold(&mut self, owner: &mut Vec<BlockId>, names: &[BlockName]) {
        for name in names {
            if let Some(block) = self.cache.find(name) {
                self.hold_one(block);
                owner.push(block);
            }
        }
    }

    /// Puts a block of somebody's into the cache. If there is one of this name, that one takes
    /// its place: what they hold is the same.
    pub(super) fn share(&mut self, block: &mut BlockId, name: BlockName) {
        match self.cache.find(&name) {
            None => self.cache.insert(*block, name),
            Some(known) => {
                self.hold_one(known);
                self.drop_one(std::mem::replace(block, known));
            }
        }
    }

    /// How many blocks would become available if all `owners` lost theirs.
    pub(super) fn freed_by<'a>(
        &mut self,
        owners: impl Iterator<Item = &'a [BlockId]> + Clone,
    ) -> usize {
        let mut freed = 0;
        for &block in owners.clone().flatten() {
            self.holders[block as usize] -= 1;
            freed += usize::from(self.holders[block as usize] == 0);
        }
        for &block in owners.flatten() {
            self.holders[block as usize] += 1;
        }
        freed
    }

    /// Empties the cache: what the blocks held is lost. Nobody holds one.
    pub(super) fn forget(&mut self) {
        while let Some(block) = self.cache.evict() {
            self.free.push(block);
        }
    }

    fn hold_one(&mut self, block: BlockId) {
        let holders = &mut self.holders[block as usize];
        if *holders == 0 {
            self.cache.revive(block);
        }
        *holders += 1;
    }

    fn drop_one(&mut self, block: BlockId) {
        let holders = &mut self.holders[block as usize];
        *holders -= 1;
        if *holders == 0 && !self.cache.give_up(block) {
            self.free.push(block);
        }
    }
}

#[cfg(test)]
impl BlockPool {
    pub(super) fn holders(&self) -> &[u32] {
        &self.holders
    }

    pub(super) fn cached_blocks(&self) -> impl Iterator<Item = BlockId> {
        let all = 0..self.total() as BlockId;
        all.filter(|&block| self.cache.has(block))
    }
}
