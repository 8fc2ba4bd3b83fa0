//! The paged cache of keys and values, in single precision.
//!
//! A block holds some positions of one sequence, for every layer. Within a layer and a key-value
//! head it lies in tiles of 16 positions, as attention reads them: the keys side by side, dimension
//! by dimension, so that 16 scores are computed at once; then the values, position by position.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use stream_checkpoint::Architecture;
use stream_runtime::BlockId;

use super::LANES;

/// The sizes of a cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KvShape {
    pub(crate) layers: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) blocks: usize,
    /// Positions in a block, a multiple of 16.
    pub(crate) block_size: usize,
}

impl KvShape {
    pub(crate) fn new(architecture: &Architecture, blocks: usize, block_size: usize) -> Self {
        Self {
            layers: architecture.layers,
            kv_heads: architecture.kv_heads,
            head_dim: architecture.head_dim,
            blocks,
            block_size,
        }
    }

    /// Numbers of a head's value, filled up to whole vectors.
    pub(super) fn value_width(&self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Numbers in 16 positions of one head.
    fn tile(&self) -> usize {
        LANES * (self.head_dim + self.value_width())
    }

    /// Numbers of one head of one layer, if they can be counted.
    fn head(&self) -> Option<usize> {
        let tiles = self.blocks.checked_mul(self.block_size / LANES)?;
        tiles.checked_mul(self.tile())
    }

    /// Where a position's tile begins in a head's data.
    fn tile_at(&self, position: usize, blocks: &[BlockId]) -> usize {
        let block = blocks[position / self.block_size] as usize;
        let place = block * self.block_size + position % self.block_size;
        place / LANES * self.tile()
    }
}

/// Keys and values of every layer.
#[derive(Debug)]
pub(crate) struct KvCache {
    kv_heads: usize,
    /// The heads of the first layer, then those of the second.
    heads: Vec<RwLock<KvHead>>,
}

/// Keys and values of one head of one layer.
#[derive(Debug)]
pub(crate) struct KvHead {
    shape: KvShape,
    data: Vec<f32>,
}

impl KvCache {
    /// A cache of zeros. It takes address space only: a page becomes memory when it is written.
    /// `None` if the system refuses even that.
    pub(crate) fn new(shape: KvShape) -> Option<Self> {
        let (head, heads) = (shape.head()?, shape.layers * shape.kv_heads);
        // To allocate zeros aborts where there is no memory; to reserve says so.
        Vec::<f32>::new()
            .try_reserve_exact(head.checked_mul(heads)?)
            .ok()?;
        let zeros = || KvHead {
            shape,
            data: vec![0.0; head],
        };
        Some(Self {
            kv_heads: shape.kv_heads,
            heads: (0..heads).map(|_| RwLock::new(zeros())).collect(),
        })
    }

    pub(crate) fn read(&self, layer: usize, kv_head: usize) -> RwLockReadGuard<'_, KvHead> {
        let head = &self.heads[layer * self.kv_heads + kv_head];
        head.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, layer: usize, kv_head: usize) -> RwLockWriteGuard<'_, KvHead> {
        let head = &self.heads[layer * self.kv_heads + kv_head];
        head.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 16 positions of one head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<'a> {
    /// For each dimension the 16 positions.
    pub(super) keys: &'a [[f32; LANES]],
    /// For each position its dimensions, filled up to whole vectors.
    pub(super) values: &'a [[f32; LANES]],
}

impl KvHead {
    pub(super) fn shape(&self) -> KvShape {
        self.shape
    }

    /// Stores the key and value of a position of a sequence with these blocks.
    pub(crate) fn store(
        &mut self,
        position: usize,
        blocks: &[BlockId],
        key: &[f32],
        value: &[f32],
    ) {
        let shape = self.shape;
        let tile = &mut self.data[shape.tile_at(position, blocks)..][..shape.tile()];
        let lane = position % LANES;
        let (keys, values) = tile.split_at_mut(LANES * shape.head_dim);
        for (to, key) in keys.as_chunks_mut::<LANES>().0.iter_mut().zip(key) {
            to[lane] = *key;
        }
        values[lane * shape.value_width()..][..shape.head_dim].copy_from_slice(value);
    }

    /// The tile that begins at `position`, a multiple of 16, of a sequence with these blocks.
    #[inline(always)]
    pub(super) fn tile(&self, position: usize, blocks: &[BlockId]) -> Tile<'_> {
        let shape = self.shape;
        let tile = &self.data[shape.tile_at(position, blocks)..][..shape.tile()];
        let (keys, values) = tile.as_chunks().0.split_at(shape.head_dim);
        Tile { keys, values }
    }
}
