//! The paged cache of keys and values.
//!
//! A block holds some positions of one sequence, for every layer. Within a layer and a key-value
//! head it lies as attention reads it: the keys of 16 positions side by side, dimension by
//! dimension, so that 16 scores are computed in 16 lanes; then the values, position by position.

use std::alloc::{Layout, alloc_zeroed};

use stream_checkpoint::Architecture;
use stream_runtime::BlockId;

use crate::simd::{LANES, Lanes, Number};

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

    /// Numbers in one tile: 16 positions' keys and values of one head.
    fn tile(&self) -> usize {
        LANES * (self.head_dim + self.value_width())
    }

    /// A head's values, filled up to whole vectors.
    fn value_width(&self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Numbers of one head of one layer.
    fn head(&self) -> usize {
        self.blocks * self.block_size / LANES * self.tile()
    }

    /// Numbers in all, if they can be counted.
    fn total(&self) -> Option<usize> {
        let tiles = [
            self.blocks,
            self.block_size / LANES,
            self.kv_heads,
            self.layers,
        ];
        let multiply = |product: usize, factor| product.checked_mul(factor);
        tiles.into_iter().try_fold(self.tile(), multiply)
    }
}

/// Keys and values of every layer.
#[derive(Debug)]
pub(crate) struct KvCache<N> {
    shape: KvShape,
    data: Vec<N>,
}

impl<N: Number> KvCache<N> {
    /// A cache of zeros. It takes address space only: a page becomes memory when it is written.
    /// `None` if the system refuses even that.
    pub(crate) fn new(shape: KvShape) -> Option<Self> {
        let data = zeros(shape.total()?)?;
        Some(Self { shape, data })
    }

    /// Numbers of one head in [`layer_mut`](Self::layer_mut).
    pub(crate) fn head_length(&self) -> usize {
        self.shape.head()
    }

    /// A layer's heads, one after the other.
    pub(crate) fn layer_mut(&mut self, layer: usize) -> &mut [N] {
        let length = self.shape.kv_heads * self.shape.head();
        &mut self.data[layer * length..][..length]
    }

    /// One head of a layer.
    pub(crate) fn head(&self, layer: usize, kv_head: usize) -> KvHead<'_, N> {
        let length = self.shape.head();
        let index = layer * self.shape.kv_heads + kv_head;
        KvHead {
            shape: self.shape,
            data: &self.data[index * length..][..length],
        }
    }

    /// The cache's sizes.
    pub(crate) fn shape(&self) -> KvShape {
        self.shape
    }
}

impl KvShape {
    /// Writes a position's key and value into `head`, the data of one head.
    pub(crate) fn write<N: Number>(
        &self,
        head: &mut [N],
        place: Place,
        key: &[f32],
        value: &[f32],
    ) {
        let tile = &mut head[self.tile_at(place)..][..self.tile()];
        let lane = place.offset % LANES;
        let (keys, values) = tile.split_at_mut(LANES * self.head_dim);
        for (to, key) in keys.iter_mut().skip(lane).step_by(LANES).zip(key) {
            *to = N::narrow(*key);
        }
        let values = &mut values[lane * self.value_width()..];
        for (to, value) in values.iter_mut().zip(value) {
            *to = N::narrow(*value);
        }
    }

    /// Where the tile with this place begins in a head's data.
    fn tile_at(&self, place: Place) -> usize {
        let position = place.block as usize * self.block_size + place.offset;
        position / LANES * self.tile()
    }
}

/// Where a position lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    block: BlockId,
    offset: usize,
}

impl Place {
    /// Of a position of a sequence that has these blocks.
    pub(crate) fn of(position: usize, blocks: &[BlockId], block_size: usize) -> Self {
        Self {
            block: blocks[position / block_size],
            offset: position % block_size,
        }
    }
}

/// What attention reads for one head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KvHead<'a, N> {
    shape: KvShape,
    data: &'a [N],
}

/// 16 positions of one head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KvTile<'a, N> {
    /// For each dimension the 16 positions.
    pub(crate) keys: &'a [Lanes<N>],
    /// For each position its dimensions, filled up to whole vectors.
    pub(crate) values: &'a [Lanes<N>],
}

impl<'a, N: Number> KvHead<'a, N> {
    /// The tile that begins at `position`, a multiple of 16, of a sequence with these blocks.
    #[inline(always)]
    pub(crate) fn tile(&self, position: usize, blocks: &[BlockId]) -> KvTile<'a, N> {
        let place = Place::of(position, blocks, self.shape.block_size);
        let tile = &self.data[self.shape.tile_at(place)..][..self.shape.tile()];
        let (keys, values) = tile.as_chunks().0.split_at(self.shape.head_dim);
        KvTile { keys, values }
    }
}

/// `count` zeros from pages that the system has not filled yet.
fn zeros<N: Number>(count: usize) -> Option<Vec<N>> {
    let layout = Layout::array::<N>(count)
        .ok()
        .filter(|layout| layout.size() > 0)?;
    // SAFETY: the layout has a size.
    let start = unsafe { alloc_zeroed(layout) }.cast::<N>();
    // SAFETY: it was allocated by the global allocator for `count` of `N`, which zero bytes are
    // values of (`Number`).
    (!start.is_null()).then(|| unsafe { Vec::from_raw_parts(start, count, count) })
}
