//! Which blocks of the KV cache hold what is known under a name, so that they can be used again.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use stream_core::TokenId;

use super::idle::IdleBlocks;
use crate::BlockId;

/// Names a full block by its tokens and the name of the block before it, and so by every token
/// up to its end: keys and values depend on nothing else.
///
/// It is SHA-256, as vLLM names blocks by default. Blocks with one name are taken for equal, and
/// nobody can find two different ones that have one: an answer made from the blocks of somebody
/// else's prompt would tell of that prompt. A name is worked out once for each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BlockName([u8; 32]);

impl BlockName {
    /// What stands before the first block.
    pub(super) const ROOT: Self = Self([0; 32]);

    /// The name of a block of `tokens` after this one.
    pub(super) fn then(&self, tokens: &[TokenId]) -> Self {
        let mut hasher = Sha256::new_with_prefix(self.0);
        for id in tokens {
            hasher.update(id.to_le_bytes());
        }
        Self(hasher.finalize().into())
    }
}

/// The blocks that have a name. No two have the same one, and who holds one of them, or finds
/// one, finds the whole chain of blocks before it.
///
/// Those that no sequence holds are idle: they wait to be used again, or until their memory is
/// needed. The one that was given up the longest ago goes first. A sequence gives up its last
/// block first, and a block is held at least as long as those that come after it, so that none
/// goes before its successors.
#[derive(Debug)]
pub(super) struct PrefixCache {
    names: Vec<Option<BlockName>>,
    blocks: HashMap<BlockName, BlockId>,
    idle: IdleBlocks,
}

impl PrefixCache {
    pub(super) fn new(blocks: usize) -> Self {
        Self {
            names: vec![None; blocks],
            blocks: HashMap::new(),
            idle: IdleBlocks::new(blocks),
        }
    }

    /// How many blocks wait to be used again.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn find(&self, name: &BlockName) -> Option<BlockId> {
        self.blocks.get(name).copied()
    }

    /// Gives a block, which somebody holds, a name that no other has.
    pub(super) fn insert(&mut self, block: BlockId, name: BlockName) {
        self.names[block as usize] = Some(name);
        self.blocks.insert(name, block);
    }

    /// Whether the block has a name.
    pub(super) fn has(&self, block: BlockId) -> bool {
        self.names[block as usize].is_some()
    }

    /// Nobody holds the block any more. Says if it is kept all the same.
    pub(super) fn give_up(&mut self, block: BlockId) -> bool {
        let named = self.has(block);
        if named {
            self.idle.push(block);
        }
        named
    }

    /// Somebody holds the idle block again.
    pub(super) fn revive(&mut self, block: BlockId) {
        self.idle.remove(block);
    }

    /// Takes the oldest idle block away from the cache.
    pub(super) fn evict(&mut self) -> Option<BlockId> {
        let block = self.idle.pop()?;
        if let Some(name) = self.names[block as usize].take() {
            self.blocks.remove(&name);
        }
        Some(block)
    }
}
