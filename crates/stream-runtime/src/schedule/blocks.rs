//! Who owns which block of the KV cache.

use crate::BlockId;

/// The blocks that no sequence owns, last in, first out: what was used a moment ago is used
/// again first, so that a quiet engine touches few pages of a large cache.
#[derive(Debug)]
pub(super) struct BlockPool {
    free: Vec<BlockId>,
    block_size: usize,
    total: usize,
}

impl BlockPool {
    pub(super) fn new(block_size: usize, blocks: usize) -> Self {
        Self {
            free: (0..blocks as BlockId).rev().collect(),
            block_size,
            total: blocks,
        }
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    pub(super) fn used(&self) -> usize {
        self.total - self.free.len()
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Blocks that this many tokens need.
    pub(super) fn blocks_for(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.block_size)
    }

    /// Lets `owner` grow until it has room for `tokens`, as far as there are free blocks.
    pub(super) fn grow(&mut self, owner: &mut Vec<BlockId>, tokens: usize) -> bool {
        let missing = self.blocks_for(tokens).saturating_sub(owner.len());
        if missing > self.free.len() {
            return false;
        }
        owner.extend(self.free.drain(self.free.len() - missing..).rev());
        true
    }

    /// Takes every block of `owner` back.
    pub(super) fn take_back(&mut self, owner: &mut Vec<BlockId>) {
        self.free.extend(owner.drain(..).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_was_given_back_is_used_again_first() {
        let mut pool = BlockPool::new(4, 8);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        assert!(pool.grow(&mut a, 9));
        assert!(pool.grow(&mut b, 4));
        assert_eq!((&a, &b), (&vec![0, 1, 2], &vec![3]));
        pool.take_back(&mut a);
        assert!(pool.grow(&mut b, 12));
        assert_eq!(b, [3, 0, 1]);
        assert_eq!((pool.used(), pool.free(), pool.total()), (3, 5, 8));
    }

    #[test]
    fn too_few_free_blocks_change_nothing() {
        let mut pool = BlockPool::new(4, 2);
        let mut owner = Vec::new();
        assert!(!pool.grow(&mut owner, 9));
        assert!(owner.is_empty());
        assert_eq!(pool.free(), 2);
    }
}
