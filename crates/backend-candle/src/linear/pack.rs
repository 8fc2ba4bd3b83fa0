//! From a file's tensors to matrices that multiply fast.

use half::f16;
use stream_checkpoint::{TensorFormat, TensorView};

use super::input::BLOCK;
use super::pack_k::{q4_k, q5_k, q6_k};
use super::tiled::Tiled;
use super::tiles::{ByteBlock, NibbleBlock, TilePart};
use super::{Form, Linear};
use crate::Precision;
use crate::pool::Pool;
use crate::simd::{LANES, Lanes, Number};

impl Linear {
    /// Packs a matrix as `precision` asks, on all threads.
    pub(crate) fn pack(pool: &mut Pool, tensor: TensorView<'_>, precision: Precision) -> Self {
        Self {
            outputs: tensor.shape().0,
            weights: match precision {
                Precision::Native => native(pool, tensor),
                Precision::F32 => Form::F32(numbers(pool, tensor)),
            },
            bias: None,
        }
    }

    /// Adds a bias to what it gives.
    #[must_use]
    pub(crate) fn with_bias(mut self, bias: &[f32]) -> Self {
        let lanes = |tile: &[f32]| std::array::from_fn(|i| tile.get(i).copied().unwrap_or(0.0));
        self.bias = Some(bias.chunks(LANES).map(lanes).collect());
        self
    }
}

fn native(pool: &mut Pool, tensor: TensorView<'_>) -> Form {
    use TensorFormat as F;
    match tensor.format() {
        F::Q4_0 => Form::Nibbles(nibbles(pool, tensor, q4_0)),
        F::Q4_1 => Form::Nibbles(nibbles(pool, tensor, q4_1)),
        F::Q8_0 => Form::Bytes(bytes(pool, tensor)),
        F::Q5_0 | F::Q5_1 => Form::Bytes(rounded(pool, tensor)),
        F::Q4K => Form::FourBits(q4_k(pool, tensor)),
        F::Q5K => Form::FiveBits(q5_k(pool, tensor)),
        F::Q6K => Form::SixBits(q6_k(pool, tensor)),
        F::F16 => Form::F16(numbers(pool, tensor)),
        F::BF16 => Form::Bf16(numbers(pool, tensor)),
        _ => Form::F32(numbers(pool, tensor)),
    }
}

/// One row's part of a [`NibbleBlock`].
struct Nibbles {
    scale: f16,
    min: f16,
    bits: [u8; BLOCK / 2],
}

/// A block of Q4_1 (`block_q4_1` in ggml): scale, minimum, nibbles.
fn q4_1(block: &[u8; 20]) -> Nibbles {
    let &[s0, s1, m0, m1, ref bits @ ..] = block;
    Nibbles {
        scale: f16::from_le_bytes([s0, s1]),
        min: f16::from_le_bytes([m0, m1]),
        bits: *bits,
    }
}

/// A block of Q4_0 (`block_q4_0` in ggml): scale, nibbles; the weight is `scale * (bits - 8)`.
fn q4_0(block: &[u8; 18]) -> Nibbles {
    let &[s0, s1, ref bits @ ..] = block;
    let scale = f16::from_le_bytes([s0, s1]);
    Nibbles {
        scale,
        min: f16::from_f32(-8.0 * scale.to_f32()),
        bits: *bits,
    }
}

fn nibbles<const BYTES: usize>(
    pool: &mut Pool,
    tensor: TensorView<'_>,
    read: impl Fn(&[u8; BYTES]) -> Nibbles + Sync,
) -> Tiled<NibbleBlock> {
    let rows = Rows::<BYTES>::new(tensor, BLOCK);
    let set = |part: &mut NibbleBlock, lane, block: &_| part.set(lane, read(block));
    rows.tiled(pool, NibbleBlock::ZERO, set)
}

/// Q8_0 (`block_q8_0` in ggml): scale, signed bytes.
fn bytes(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<ByteBlock> {
    let rows = Rows::<34>::new(tensor, BLOCK);
    rows.tiled(pool, ByteBlock::ZERO, |part, lane, block| {
        let &[s0, s1, ref bytes @ ..] = block;
        part.set(lane, f16::from_le_bytes([s0, s1]).to_f32(), bytes);
    })
}

/// Any format, rounded to bytes.
fn rounded(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<ByteBlock> {
    let (outputs, columns) = tensor.shape();
    let parts = columns / BLOCK;
    Tiled::build(pool, outputs.div_ceil(LANES), parts, |tile| {
        let values = dequantized(tensor, tile);
        (0..parts).map(move |index| {
            let mut part = ByteBlock::ZERO;
            for (lane, row) in values.chunks(columns).enumerate() {
                let (scale, bytes) = round(&row.as_chunks().0[index]);
                part.set(lane, scale, &bytes);
            }
            part
        })
    })
}

fn round(values: &[f32; BLOCK]) -> (f32, [u8; BLOCK]) {
    let largest = values.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    (scale, values.map(|x| (x * inverse).round() as i8 as u8))
}

impl NibbleBlock {
    const ZERO: Self = Self {
        bits: [[0; LANES]; 4],
        scale: [0; LANES],
        min: [0; LANES],
    };

    /// Sets one row.
    fn set(&mut self, lane: usize, row: Nibbles) {
        self.scale[lane] = row.scale.to_bits();
        self.min[lane] = row.min.to_bits();
        for (part, four) in self.bits.iter_mut().zip(row.bits.as_chunks().0) {
            part[lane] = u32::from_le_bytes(*four);
        }
    }
}

impl ByteBlock {
    const ZERO: Self = Self {
        bytes: [[0x8080_8080; LANES]; 8],
        scale: [0.0; LANES],
    };

    /// Sets one row from its signed bytes.
    fn set(&mut self, lane: usize, scale: f32, bytes: &[u8; BLOCK]) {
        self.scale[lane] = scale;
        for (part, four) in self.bytes.iter_mut().zip(bytes.as_chunks().0) {
            part[lane] = u32::from_le_bytes(*four) ^ 0x8080_8080;
        }
    }
}

/// Any format, as numbers.
fn numbers<N: Number>(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<Lanes<N>> {
    let (outputs, columns) = tensor.shape();
    Tiled::build(pool, outputs.div_ceil(LANES), columns, |tile| {
        let mut values = dequantized(tensor, tile);
        values.resize(LANES * columns, 0.0);
        (0..columns).map(move |c| std::array::from_fn(|lane| N::narrow(values[lane * columns + c])))
    })
}

/// The rows of a tile, as far as the matrix has them.
fn dequantized(tensor: TensorView<'_>, tile: usize) -> Vec<f32> {
    let (outputs, columns) = tensor.shape();
    let rows = tile * LANES..outputs.min((tile + 1) * LANES);
    let mut values = vec![0.0; rows.len() * columns];
    for (row, values) in rows.zip(values.chunks_mut(columns)) {
        tensor.row_to_f32(row, values);
    }
    values
}

/// A tensor as rows of blocks of `BYTES` bytes.
pub(super) struct Rows<'a, const BYTES: usize> {
    blocks: &'a [[u8; BYTES]],
    blocks_per_row: usize,
}

impl<'a, const BYTES: usize> Rows<'a, BYTES> {
    /// Blocks of `columns` columns.
    pub(super) fn new(tensor: TensorView<'a>, columns: usize) -> Self {
        Self {
            blocks: tensor.bytes().as_chunks().0,
            blocks_per_row: tensor.shape().1 / columns,
        }
    }

    /// Makes tiles with one part for each block; `set` puts a row's block into a part that begins
    /// as `zero`.
    pub(super) fn tiled<P: TilePart + Clone>(
        &self,
        pool: &mut Pool,
        zero: P,
        set: impl Fn(&mut P, usize, &[u8; BYTES]) + Sync,
    ) -> Tiled<P> {
        let (zero, set) = (&zero, &set);
        let part = |tile, index| {
            let mut part = zero.clone();
            for (lane, block) in self.blocks(tile, index) {
                set(&mut part, lane, block);
            }
            part
        };
        Tiled::build(pool, self.tiles(), self.blocks_per_row, |tile| {
            (0..self.blocks_per_row).map(move |index| part(tile, index))
        })
    }

    fn tiles(&self) -> usize {
        (self.blocks.len() / self.blocks_per_row).div_ceil(LANES)
    }

    /// Block `index` of each row of a tile, with the row's lane.
    fn blocks(&self, tile: usize, index: usize) -> impl Iterator<Item = (usize, &'a [u8; BYTES])> {
        let rows = self.blocks.chunks(self.blocks_per_row);
        let tile = rows.skip(tile * LANES).take(LANES).enumerate();
        tile.map(move |(lane, row)| (lane, &row[index]))
    }
}
