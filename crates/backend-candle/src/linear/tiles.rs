//! Matrices cut into tiles of 16 outputs, so that one vector instruction serves 16 of them.
//!
//! A tile holds its 16 rows side by side: the first four weights of each row, then the next
//! four, and so on. Each output is summed in one lane, from the first block of its row to the
//! last. So it has the same bits whatever is computed beside it.
//!
//! Inner loops have no closures: one that the compiler leaves a function of its own is compiled
//! without the instruction set, and hands vectors over through memory.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use super::input::{Block, InputRow, OFFSET};
use crate::simd::{Lanes, Number, Simd};

/// How many bytes ahead weights are fetched. They are read once a step, and fetching further than
/// the CPU does by itself makes one stream half as fast again.
const AHEAD: usize = 2_560;

#[inline(always)]
fn fetch_after<P>(simd: impl Simd, part: &P) {
    fetch_piece_after(simd, part, 0, 1);
}

/// The same for one of `pieces` equal pieces of a part.
#[inline(always)]
pub(super) fn fetch_piece_after<P>(simd: impl Simd, part: &P, piece: usize, pieces: usize) {
    let bytes = size_of::<P>() / pieces;
    let ahead = std::ptr::from_ref(part).cast::<u8>();
    simd.prefetch(ahead.wrapping_add(AHEAD + piece * bytes), bytes);
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

/// 32 columns of 16 rows from their nibbles.
#[inline(always)]
pub(super) fn nibbles<S: Simd>(simd: S, bits: &[Lanes<u32>; 4]) -> [S::I; 8] {
    let mut weights = [simd.splat_int(0); 8];
    for p in 0..4 {
        let bits = simd.load_int(&bits[p]);
        weights[p] = simd.low_nibbles(bits);
        weights[p + 4] = simd.high_nibbles(bits);
    }
    weights
}

/// Block `i` of each row.
#[inline(always)]
pub(super) fn blocks_of<const R: usize>(rows: [&[Block]; R], i: usize) -> [&Block; R] {
    let mut blocks = [&rows[0][i]; R];
    for r in 1..R {
        blocks[r] = &rows[r][i];
    }
    blocks
}

/// Adds to each row's sum the products of its block with weights that are `scale * bits + min`.
///
/// Each row's sum of integers is a chain of dependent instructions, so the rows take turns.
#[inline(always)]
pub(super) fn add_scaled<S: Simd, const R: usize>(
    simd: S,
    sums: &mut [S::F; R],
    bits: [S::I; 8],
    [scale, min]: [S::F; 2],
    blocks: [&Block; R],
) {
    let mut dots = [simd.splat_int(0); R];
    for p in 0..8 {
        for r in 0..R {
            dots[r] = simd.dot_small(dots[r], bits[p], blocks[r].bytes[p]);
        }
    }
    for r in 0..R {
        let scale = simd.mul(scale, simd.splat(blocks[r].scale));
        sums[r] = simd.mul_add(simd.int_to_float(dots[r]), scale, sums[r]);
        sums[r] = simd.mul_add(min, simd.splat(blocks[r].scaled_sum), sums[r]);
    }
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
            let weights = nibbles(simd, &part.bits);
            let scale = simd.load_f16(&part.scale);
            let min = simd.load_f16(&part.min);
            let blocks = blocks_of(rows, i);
            add_scaled(simd, &mut sums, weights, [scale, min], blocks);
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
            let mut bytes = [simd.splat_int(0); 8];
            for p in 0..8 {
                bytes[p] = simd.load_int(&part.bytes[p]);
            }
            let scale = simd.load(&part.scale);
            let blocks = blocks_of(rows, i);
            let mut dots = [simd.splat_int(0); R];
            for r in 0..R {
                let [first, second] = blocks[r].offsets;
                dots[r] = simd.splat_int(S::WEIGHT_OFFSET / OFFSET * (first + second));
            }
            for p in 0..8 {
                for r in 0..R {
                    dots[r] = simd.dot_bytes(dots[r], bytes[p], blocks[r].bytes[p]);
                }
            }
            for r in 0..R {
                let scale = simd.mul(scale, simd.splat(blocks[r].scale));
                sums[r] = simd.mul_add(simd.int_to_float(dots[r]), scale, sums[r]);
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
