//! Matrices cut into tiles of 16 outputs, so that one vector instruction serves 16 of them.
//!
//! A tile holds its 16 rows side by side: the first four weights of each row, then the next
//! four, and so on. Each output is summed in one lane, from the first block of its row to the
//! last. So it has the same bits whatever is computed beside it.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use super::input::{Block, InputRow};
use crate::simd::{Lanes, Number, Simd};

/// How many bytes ahead weights are fetched. They are read once a step, and fetching further than
/// the CPU does by itself makes one stream half as fast again.
const AHEAD: usize = 2_560;

#[inline(always)]
fn fetch_after<P>(simd: impl Simd, part: &P) {
    let ahead = std::ptr::from_ref(part).cast::<u8>().wrapping_add(AHEAD);
    simd.prefetch(ahead, size_of::<P>());
}

/// 32 columns of 16 rows, 4 bits a weight: the weight is `scale * bits + min`. This is Q4_1 of
/// ggml, rearranged; Q4_0 is the case `min = -8 * scale`.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct NibbleBlock {
    /// Integer `i` of part `p` holds row `i`: columns `4p..4p + 4` in the lower nibbles and
    /// `16 + 4p..20 + 4p` in the upper.
    pub(crate) bits: [Lanes<u32>; 4],
    /// Each row's scale, in half precision.
    pub(crate) scale: Lanes<u16>,
    /// Each row's minimum, in half precision.
    pub(crate) min: Lanes<u16>,
}

/// 32 columns of 16 rows, 8 bits a weight: the weight is `scale * (byte - 128)`. This is Q8_0 of
/// ggml, rearranged.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct ByteBlock {
    /// Integer `i` of part `p` holds row `i`, columns `4p..4p + 4`.
    pub(crate) bytes: [Lanes<u32>; 8],
    /// Each row's scale.
    pub(crate) scale: Lanes<f32>,
}

/// What a tile is made of, and how a row of activations is multiplied with it.
pub(crate) trait TilePart: Sized + Send + Sync {
    /// A row of activations in the form that these weights read.
    type Activations: Sync;

    /// That form of a row.
    fn of(row: &InputRow) -> &[Self::Activations];

    /// The 16 outputs of each of `R` rows, which are at least as long as the tile.
    fn multiply<S: Simd, const R: usize>(
        simd: S,
        tile: &[Self],
        rows: [&[Self::Activations]; R],
    ) -> [S::F; R];
}

impl TilePart for NibbleBlock {
    type Activations = Block;

    #[inline(always)]
    fn of(row: &InputRow) -> &[Block] {
        &row.blocks
    }

    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(simd: S, tile: &[Self], rows: [&[Block]; R]) -> [S::F; R] {
        let rows = rows.map(|row| &row[..tile.len()]);
        let mut sums = [simd.splat(0.0); R];
        for (i, part) in tile.iter().enumerate() {
            fetch_after(simd, part);
            let bits = part.bits.each_ref().map(|bits| simd.load_int(bits));
            let low = bits.map(|bits| simd.low_nibbles(bits));
            let high = bits.map(|bits| simd.high_nibbles(bits));
            let scale = simd.load_f16(&part.scale);
            let min = simd.load_f16(&part.min);
            for r in 0..R {
                let x = &rows[r][i];
                let mut dot = simd.splat_int(0);
                for p in 0..4 {
                    dot = simd.dot_nibbles(dot, low[p], x.bytes[p]);
                }
                for p in 0..4 {
                    dot = simd.dot_nibbles(dot, high[p], x.bytes[p + 4]);
                }
                let scale = simd.mul(scale, simd.splat(x.scale));
                sums[r] = simd.mul_add(simd.int_to_float(dot), scale, sums[r]);
                sums[r] = simd.mul_add(min, simd.splat(x.scaled_sum), sums[r]);
            }
        }
        sums
    }
}

impl TilePart for ByteBlock {
    type Activations = Block;

    #[inline(always)]
    fn of(row: &InputRow) -> &[Block] {
        &row.blocks
    }

    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(simd: S, tile: &[Self], rows: [&[Block]; R]) -> [S::F; R] {
        let rows = rows.map(|row| &row[..tile.len()]);
        let mut sums = [simd.splat(0.0); R];
        for (i, part) in tile.iter().enumerate() {
            fetch_after(simd, part);
            let bytes = part.bytes.each_ref().map(|bytes| simd.load_int(bytes));
            let scale = simd.load(&part.scale);
            for r in 0..R {
                let x = &rows[r][i];
                let mut dot = simd.splat_int(-S::WEIGHT_OFFSET * x.sum);
                for p in 0..8 {
                    dot = simd.dot_bytes(dot, bytes[p], x.bytes[p]);
                }
                let scale = simd.mul(scale, simd.splat(x.scale));
                sums[r] = simd.mul_add(simd.int_to_float(dot), scale, sums[r]);
            }
        }
        sums
    }
}

impl<N: Number> TilePart for Lanes<N> {
    type Activations = f32;

    #[inline(always)]
    fn of(row: &InputRow) -> &[f32] {
        &row.values
    }

    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(simd: S, tile: &[Self], rows: [&[f32]; R]) -> [S::F; R] {
        let rows = rows.map(|row| &row[..tile.len()]);
        let mut sums = [simd.splat(0.0); R];
        for (i, part) in tile.iter().enumerate() {
            fetch_after(simd, part);
            let weights = N::load(simd, part);
            for r in 0..R {
                sums[r] = simd.mul_add(weights, simd.splat(rows[r][i]), sums[r]);
            }
        }
        sums
    }
}
