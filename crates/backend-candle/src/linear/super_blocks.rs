//! K-quants in tiles: super-blocks of 256 columns whose scales are small integers with a scale of
//! their own.
//!
//! Activations keep a scale for each 32 columns, so that each block of weights is scaled as soon
//! as it is summed.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use super::input::{BLOCK, Block, InputRow};
use super::tiles::{TilePart, add_scaled, blocks_of, fetch_piece_after, nibbles};
use crate::simd::{Lanes, Simd};

/// Columns in a super-block.
pub(crate) const SUPER_BLOCK: usize = 256;
/// Blocks of 32 in a super-block.
pub(crate) const BLOCKS: usize = SUPER_BLOCK / BLOCK;

/// 32 columns of 16 rows, 4 bits a weight, as in [`NibbleBlock`](super::tiles::NibbleBlock).
pub(crate) type FourBits = [Lanes<u32>; 4];

/// 32 columns of 16 rows, 5 bits a weight.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct FiveBits {
    /// The lower four.
    pub(crate) low: FourBits,
    /// Integer `i` holds row `i`: the fifth bits of columns `4p..4p + 4` are the bits `p` of its
    /// four bytes.
    pub(crate) high: Lanes<u32>,
}

/// 256 columns of 16 rows: the weight is `scale * scales[b] * bits + min * mins[b]` in the block
/// `b` of 32. With [`FourBits`] this is Q4_K of ggml, with [`FiveBits`] Q5_K, rearranged.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct SuperBlock<B> {
    /// Each block's bits.
    pub(crate) bits: [B; BLOCKS],
    /// Each block's scales, row by row.
    pub(crate) scales: [Lanes<u8>; BLOCKS],
    /// Each block's minima, row by row.
    pub(crate) mins: [Lanes<u8>; BLOCKS],
    /// Each row's scale of scales, in half precision.
    pub(crate) scale: Lanes<u16>,
    /// Each row's scale of minima, in half precision; the negative of ggml's.
    pub(crate) min: Lanes<u16>,
}

/// 16 columns of 16 rows, 6 bits a weight.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct SixBits {
    /// Integer `i` of part `p` holds row `i`: columns `8p..8p + 4` in the lower nibbles and
    /// `8p + 4..8p + 8` in the upper.
    pub(crate) low: [Lanes<u32>; 2],
    /// Integer `i` holds row `i`: the two bits above the nibbles of columns `4p..4p + 4` are bits
    /// `2p` and `2p + 1` of its four bytes.
    pub(crate) high: Lanes<u32>,
}

/// 256 columns of 16 rows, 6 bits a weight: the weight is `scale * scales[h] * (bits - 32)` in
/// the half block `h` of 16. This is Q6_K of ggml, rearranged.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct SixBitSuperBlock {
    /// The bits of each half block.
    pub(crate) bits: [SixBits; 2 * BLOCKS],
    /// Each half block's scales, row by row.
    pub(crate) scales: [Lanes<i8>; 2 * BLOCKS],
    /// Each row's scale of scales, in half precision.
    pub(crate) scale: Lanes<u16>,
}

/// The bits of 32 columns of 16 rows.
pub(crate) trait Bits: Send + Sync {
    /// Four columns after the other, a byte for each weight.
    fn load<S: Simd>(&self, simd: S) -> [S::I; 8];
}

impl Bits for FourBits {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S) -> [S::I; 8] {
        nibbles(simd, self)
    }
}

impl Bits for FiveBits {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S) -> [S::I; 8] {
        const FIFTH: u8 = 0b1_0000;
        let mut weights = nibbles(simd, &self.low);
        let high = simd.load_int(&self.high);
        for p in 0..4 {
            let lower = simd.shift_left(high, 4 - p as i32);
            weights[p] = simd.join(weights[p], lower, FIFTH);
            let upper = simd.shift_right(high, p as i32);
            weights[p + 4] = simd.join(weights[p + 4], upper, FIFTH);
        }
        weights
    }
}

impl<B: Bits> TilePart for SuperBlock<B> {
    type Activations = Block;

    #[inline(always)]
    fn of(row: &InputRow) -> &[Block] {
        &row.blocks
    }

    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(simd: S, tile: &[Self], rows: [&[Block]; R]) -> [S::F; R] {
        let rows = rows.map(|row| &row[..tile.len() * BLOCKS]);
        let mut sums = [simd.splat(0.0); R];
        for (i, part) in tile.iter().enumerate() {
            let scale = simd.load_f16(&part.scale);
            let min = simd.load_f16(&part.min);
            for b in 0..BLOCKS {
                fetch_piece_after(simd, part, b, BLOCKS);
                let weights = part.bits[b].load(simd);
                let scale = simd.mul(scale, simd.load_bytes(&part.scales[b]));
                let min = simd.mul(min, simd.load_bytes(&part.mins[b]));
                let blocks = blocks_of(rows, i * BLOCKS + b);
                add_scaled(simd, &mut sums, weights, [scale, min], blocks);
            }
        }
        sums
    }
}

impl SixBits {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S) -> [S::I; 4] {
        const UPPER: u8 = 0b11_0000;
        let low = [simd.load_int(&self.low[0]), simd.load_int(&self.low[1])];
        let high = simd.load_int(&self.high);
        [
            simd.join(simd.low_nibbles(low[0]), simd.shift_left(high, 4), UPPER),
            simd.join(simd.high_nibbles(low[0]), simd.shift_left(high, 2), UPPER),
            simd.join(simd.low_nibbles(low[1]), high, UPPER),
            simd.join(simd.high_nibbles(low[1]), simd.shift_right(high, 2), UPPER),
        ]
    }
}

impl TilePart for SixBitSuperBlock {
    type Activations = Block;

    #[inline(always)]
    fn of(row: &InputRow) -> &[Block] {
        &row.blocks
    }

    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(simd: S, tile: &[Self], rows: [&[Block]; R]) -> [S::F; R] {
        let rows = rows.map(|row| &row[..tile.len() * BLOCKS]);
        let mut sums = [simd.splat(0.0); R];
        for (i, part) in tile.iter().enumerate() {
            let scale = simd.load_f16(&part.scale);
            for b in 0..BLOCKS {
                fetch_piece_after(simd, part, b, BLOCKS);
                let blocks = blocks_of(rows, i * BLOCKS + b);
                for half in 0..2 {
                    let weights = part.bits[2 * b + half].load(simd);
                    let scales = simd.load_signed_bytes(&part.scales[2 * b + half]);
                    let scale = simd.mul(scale, scales);
                    add_half(simd, &mut sums, weights, scale, blocks, half);
                }
            }
        }
        sums
    }
}

/// Adds to each row's sum the products of half of its block with weights that are
/// `scale * (bits - 32)`.
#[inline(always)]
fn add_half<S: Simd, const R: usize>(
    simd: S,
    sums: &mut [S::F; R],
    bits: [S::I; 4],
    scale: S::F,
    blocks: [&Block; R],
    half: usize,
) {
    let mut dots = [simd.splat_int(0); R];
    for r in 0..R {
        dots[r] = simd.splat_int(blocks[r].offsets[half]);
    }
    for p in 0..4 {
        for r in 0..R {
            dots[r] = simd.dot_small(dots[r], bits[p], blocks[r].bytes[4 * half + p]);
        }
    }
    for r in 0..R {
        let scale = simd.mul(scale, simd.splat(blocks[r].scale));
        sums[r] = simd.mul_add(simd.int_to_float(dots[r]), scale, sums[r]);
    }
}
