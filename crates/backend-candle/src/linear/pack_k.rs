//! From a file's K-quants to tiles.
//!
//! Layouts as in `ggml-common.h`.

use half::f16;
use stream_checkpoint::TensorView;

use super::pack::Rows;
use super::super_blocks::{
    BLOCKS, FiveBits, FourBits, SUPER_BLOCK, SixBitSuperBlock, SixBits, SuperBlock,
};
use super::tiled::Tiled;
use crate::pool::Pool;
use crate::simd::LANES;

/// Q4_K (`block_q4_K` in ggml): scale of the scales, scale of the minima, 12 bytes of both,
/// nibbles.
pub(super) fn q4_k(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<SuperBlock<FourBits>> {
    let rows = Rows::<144>::new(tensor, SUPER_BLOCK);
    rows.tiled(
        pool,
        SuperBlock::<FourBits>::ZERO,
        SuperBlock::<FourBits>::set,
    )
}

/// Q5_K (`block_q5_K` in ggml): as Q4_K, with 32 bytes of fifth bits before the nibbles.
pub(super) fn q5_k(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<SuperBlock<FiveBits>> {
    let rows = Rows::<176>::new(tensor, SUPER_BLOCK);
    rows.tiled(
        pool,
        SuperBlock::<FiveBits>::ZERO,
        SuperBlock::<FiveBits>::set,
    )
}

/// Q6_K (`block_q6_K` in ggml): nibbles, the bit pairs above them, 16 scales, their scale.
pub(super) fn q6_k(pool: &mut Pool, tensor: TensorView<'_>) -> Tiled<SixBitSuperBlock> {
    let rows = Rows::<210>::new(tensor, SUPER_BLOCK);
    rows.tiled(pool, SixBitSuperBlock::ZERO, SixBitSuperBlock::set)
}

impl<B> SuperBlock<B> {
    const fn zero(bits: [B; BLOCKS]) -> Self {
        Self {
            bits,
            scales: [[0; LANES]; BLOCKS],
            mins: [[0; LANES]; BLOCKS],
            scale: [0; LANES],
            min: [0; LANES],
        }
    }

    /// Sets one row's scales and minima from the beginning of its block.
    fn set_scales(&mut self, lane: usize, head: &[u8]) {
        self.scale[lane] = u16::from_le_bytes([head[0], head[1]]);
        self.min[lane] = (-f16::from_le_bytes([head[2], head[3]])).to_bits();
        for b in 0..BLOCKS {
            (self.scales[b][lane], self.mins[b][lane]) = scale_and_min(&head[4..], b);
        }
    }
}

impl SuperBlock<FourBits> {
    pub(super) const ZERO: Self = Self::zero([[[0; LANES]; 4]; BLOCKS]);

    /// Sets one row.
    pub(super) fn set(&mut self, lane: usize, block: &[u8; 144]) {
        let (head, nibbles) = block.split_at(16);
        self.set_scales(lane, head);
        for (b, bits) in self.bits.iter_mut().enumerate() {
            set_nibbles(bits, lane, nibbles, b);
        }
    }
}

impl SuperBlock<FiveBits> {
    pub(super) const ZERO: Self = Self::zero(
        [FiveBits {
            low: [[0; LANES]; 4],
            high: [0; LANES],
        }; BLOCKS],
    );

    /// Sets one row.
    pub(super) fn set(&mut self, lane: usize, block: &[u8; 176]) {
        let (head, rest) = block.split_at(16);
        let (high, nibbles) = rest.split_at(32);
        self.set_scales(lane, head);
        for (b, bits) in self.bits.iter_mut().enumerate() {
            set_nibbles(&mut bits.low, lane, nibbles, b);
            // Byte `c` of the fifth bits holds those of column `c` of all eight blocks.
            let fours = high.as_chunks().0.iter().enumerate();
            let fifth = |four: &[u8; 4]| u32::from_le_bytes(*four) >> b & 0x0101_0101;
            bits.high[lane] = fours.fold(0, |all, (p, four)| all | fifth(four) << p);
        }
    }
}

/// Sets one row of a block. Blocks `2k` and `2k + 1` are the lower and the upper nibbles of the
/// same 32 bytes.
fn set_nibbles(bits: &mut FourBits, lane: usize, nibbles: &[u8], block: usize) {
    let bytes = nibbles[block / 2 * 32..].as_chunks().0;
    let shift = block % 2 * 4;
    for (p, part) in bits.iter_mut().enumerate() {
        part[lane] = join(nibble(bytes[p], shift), nibble(bytes[p + 4], shift));
    }
}

/// One nibble of each of four bytes: the lower where `shift` is 0, the upper where it is 4.
fn nibble(bytes: [u8; 4], shift: usize) -> u32 {
    u32::from_le_bytes(bytes) >> shift & 0x0f0f_0f0f
}

/// Four bytes of which each holds two nibbles.
fn join(lower: u32, upper: u32) -> u32 {
    lower | upper << 4
}

/// Scale and minimum of a block. Twelve bytes hold 16 six-bit numbers: the first four scales and
/// minima in the low six bits of bytes 0–3 and 4–7; of the others, the low four bits in the
/// nibbles of bytes 8–11 and the high two above the first ones.
fn scale_and_min(packed: &[u8], block: usize) -> (u8, u8) {
    match block.checked_sub(4) {
        None => (packed[block] & 63, packed[block + 4] & 63),
        Some(i) => (
            packed[i + 8] & 15 | packed[i] >> 6 << 4,
            packed[i + 8] >> 4 | packed[i + 4] >> 6 << 4,
        ),
    }
}

impl SixBitSuperBlock {
    pub(super) const ZERO: Self = Self {
        bits: [SixBits {
            low: [[0; LANES]; 2],
            high: [0; LANES],
        }; 2 * BLOCKS],
        scales: [[0; LANES]; 2 * BLOCKS],
        scale: [0; LANES],
    };

    /// Sets one row.
    pub(super) fn set(&mut self, lane: usize, block: &[u8; 210]) {
        let (nibbles, rest) = block.split_at(128);
        let (pairs, rest) = rest.split_at(64);
        let (scales, scale) = rest.split_at(16);
        self.scale[lane] = u16::from_le_bytes([scale[0], scale[1]]);
        for (h, half) in self.bits.iter_mut().enumerate() {
            self.scales[h][lane] = scales[h].cast_signed();
            let columns: [_; 4] = std::array::from_fn(|p| six_bits(nibbles, pairs, 4 * h + p));
            let low = columns.map(|(low, _)| low);
            half.low[0][lane] = join(low[0], low[1]);
            half.low[1][lane] = join(low[2], low[3]);
            let above = columns.iter().enumerate();
            half.high[lane] = above.fold(0, |all, (p, (_, high))| all | high << (2 * p));
        }
    }
}

/// Columns `4i..4i + 4` of a Q6_K block: their nibbles, and the bit pairs above. Each half of 128
/// columns is four runs of 32: a run's nibbles are the lower or the upper ones of 32 of the half's
/// 64 bytes, its bit pairs one of four in 32 bytes.
fn six_bits(nibbles: &[u8], pairs: &[u8], i: usize) -> (u32, u32) {
    let (half, run, at) = (i / 32, i / 8 % 4, i % 8);
    let low = nibbles.as_chunks().0[16 * half + 8 * (run % 2) + at];
    let high = u32::from_le_bytes(pairs.as_chunks().0[8 * half + at]);
    (nibble(low, run / 2 * 4), high >> (2 * run) & 0x0303_0303)
}
