//! Blocks in the order in which they were given up.

use crate::BlockId;

/// A queue that any block can leave. It is a ring of links over the blocks' numbers, so that
/// nothing is allocated after the start; one more link, the last, is its beginning and its end.
#[derive(Debug)]
pub(super) struct IdleBlocks {
    links: Vec<Link>,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: usize,
    after: usize,
}

impl IdleBlocks {
    /// An empty queue for blocks with numbers under `blocks`.
    pub(super) fn new(blocks: usize) -> Self {
        let alone = |at| Link {
            before: at,
            after: at,
        };
        Self {
            links: (0..=blocks).map(alone).collect(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The block, which is not in the queue, becomes the newest.
    pub(super) fn push(&mut self, block: BlockId) {
        let (end, new) = (self.links.len() - 1, block as usize);
        let newest = self.links[end].before;
        self.join(newest, new);
        self.join(new, end);
        self.len += 1;
    }

    /// The block, which is in the queue, leaves it.
    pub(super) fn remove(&mut self, block: BlockId) {
        let Link { before, after } = self.links[block as usize];
        self.join(before, after);
        self.len -= 1;
    }

    /// The oldest leaves.
    pub(super) fn pop(&mut self) -> Option<BlockId> {
        let oldest = self.links[self.links.len() - 1].after;
        (self.len > 0).then(|| {
            self.remove(oldest as BlockId);
            oldest as BlockId
        })
    }

    fn join(&mut self, before: usize, after: usize) {
        self.links[before].after = after;
        self.links[after].before = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leaves_first_whoever_left_from_the_middle() {
        let mut idle = IdleBlocks::new(5);
        for block in [3, 0, 4, 1] {
            idle.push(block);
        }
        idle.remove(4);
        assert_eq!((idle.len(), idle.pop()), (3, Some(3)));
        idle.remove(1);
        idle.push(3);
        idle.push(4);
        let left: Vec<_> = std::iter::from_fn(|| idle.pop()).collect();
        assert_eq!((left, idle.len()), (vec![0, 3, 4], 0));
    }
}
