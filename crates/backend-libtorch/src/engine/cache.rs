//! The paged cache of keys and values.
//!
//! For each layer there is one tensor of keys and one of values, `[slots, kv_heads, head_dim]`.
//! Block `b` holds the slots from `b * block_size` on, so that a step writes its keys where they
//! stay, and reads a sequence as a list of slots or of blocks.

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use stream_checkpoint::Architecture;
use stream_runtime::BlockId;
use tch::{Device, Kind, TchError, Tensor};

use super::fused::{Destination, Source};

/// Keys and values of every layer.
#[derive(Debug)]
pub(super) struct KvCache {
    layers: Vec<KvLayer>,
    /// Behind the tensors, so that it is given back after them. A GPU has its own.
    _memory: Option<Memory>,
}

/// Keys and values of one layer, `[slots, kv_heads, head_dim]` each.
#[derive(Debug)]
pub(super) struct KvLayer {
    keys: Tensor,
    values: Tensor,
}

/// Keys and values of some slots, `[1, kv_heads, length, head_dim]` each.
pub(super) struct Gathered {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl KvCache {
    /// A cache of zeros. It takes address space only: a page becomes memory when it is written.
    /// `None` if the system refuses even that.
    pub(super) fn new(architecture: &Architecture, slots: usize, kind: Kind) -> Option<Self> {
        let shape = Self::shape(architecture, slots);
        let numbers = shape.into_iter().try_fold(1, usize::checked_mul)?;
        let bytes = numbers.checked_mul(kind.elt_size_in_bytes())?;
        let memory = Memory::zeroed(bytes.checked_mul(2 * architecture.layers)?)?;
        let tensor = |number: usize| {
            let shape = shape.map(|size| size as i64);
            // SAFETY: the memory holds `2 * layers` such tensors one after the other, is aligned
            // for any kind of number, and outlives them in this value.
            unsafe {
                let start = memory.start.as_ptr().add(number * bytes);
                Tensor::from_blob(start, &shape, &contiguous(&shape), kind, Device::Cpu)
            }
        };
        let layer = |layer| KvLayer {
            keys: tensor(2 * layer),
            values: tensor(2 * layer + 1),
        };
        Some(Self {
            layers: (0..architecture.layers).map(layer).collect(),
            _memory: Some(memory),
        })
    }

    /// A cache of zeros in a device's memory, or what libtorch says where that is too small.
    pub(super) fn on(
        device: Device,
        architecture: &Architecture,
        slots: usize,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let shape = Self::shape(architecture, slots).map(|size| size as i64);
        let tensor = || Tensor::f_zeros(shape, (kind, device));
        let layer = |_| {
            Ok(KvLayer {
                keys: tensor()?,
                values: tensor()?,
            })
        };
        Ok(Self {
            layers: (0..architecture.layers)
                .map(layer)
                .collect::<Result<_, TchError>>()?,
            _memory: None,
        })
    }

    fn shape(architecture: &Architecture, slots: usize) -> [usize; 3] {
        [slots, architecture.kv_heads, architecture.head_dim]
    }

    pub(super) fn layer_mut(&mut self, layer: usize) -> &mut KvLayer {
        &mut self.layers[layer]
    }
}

impl KvLayer {
    /// Where keys and values of tokens with these slots are to be written.
    pub(super) fn at<'a>(&'a mut self, slots: &'a Tensor) -> Destination<'a> {
        Destination {
            slots,
            keys: &self.keys,
            values: &self.values,
        }
    }

    /// All of it, to be read where it stays.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            keys: &self.keys,
            values: &self.values,
        }
    }

    /// Copies what a sequence sees, whose slots these are.
    pub(super) fn gather(&self, slots: &Tensor) -> Result<Gathered, TchError> {
        let gather = |all: &Tensor| {
            all.f_index_select(0, slots)?
                .f_transpose(0, 1)?
                .f_unsqueeze(0)
        };
        Ok(Gathered {
            keys: gather(&self.keys)?,
            values: gather(&self.values)?,
        })
    }
}

/// Where a position of a sequence with these blocks lies.
pub(super) fn slot(position: usize, blocks: &[BlockId], block_size: usize) -> i64 {
    let block = blocks[position / block_size] as usize;
    (block * block_size + position % block_size) as i64
}

/// A tensor's sizes; it has as many as are asked for.
pub(super) fn sizes<const N: usize>(tensor: &Tensor) -> [i64; N] {
    let sizes = tensor.size();
    std::array::from_fn(|i| sizes[i])
}

fn contiguous(shape: &[i64; 3]) -> [i64; 3] {
    [shape[1] * shape[2], shape[2], 1]
}

/// Zeros from pages that the system has not filled yet.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: nothing but this value knows of the memory, and the tensors beside it.
unsafe impl Send for Memory {}

impl Memory {
    /// As libtorch aligns its own.
    const ALIGNMENT: usize = 64;

    fn zeroed(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes, Self::ALIGNMENT).ok()?;
        let layout = (bytes > 0).then_some(layout)?;
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { alloc::alloc_zeroed(layout) })?;
        Some(Self { start, layout })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and is given back once.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) }
    }
}
