//! Products of rows of activations with matrices, on all threads.

use std::ops::Range;

use super::{InputRow, Linear};
use crate::matrix::{Matrix, SharedColumns};
use crate::pool::Pool;
use crate::simd::{InstructionSet, Kernel, LANES, Lanes, Simd};

/// Tiles that a thread takes at least.
const LEAST_TILES: usize = 2;

/// A matrix and where its outputs go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a> {
    /// The matrix.
    pub(crate) weights: &'a Linear,
    /// The column of its first output.
    pub(crate) column: usize,
}

/// What becomes of what stood in the result before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is overwritten.
    Store,
    /// The product is added to it.
    Add,
}

/// Multiplies every row with every matrix of `products`, whose columns must lie apart; row `i`
/// of `out` takes the outputs of row `i`.
pub(crate) fn multiply(
    pool: &mut Pool,
    set: InstructionSet,
    rows: &[InputRow],
    products: &[Product<'_>],
    out: &mut Matrix,
    mode: Mode,
) {
    assert!(apart(products), "two products share a column");
    let out = &out.share(rows.len());
    let tiles = products.iter().map(|product| product.weights.tiles()).sum();
    pool.run(tiles, LEAST_TILES, |tiles| {
        set.run(Tiles {
            tiles,
            rows,
            products,
            out,
            mode,
        });
    });
}

fn apart(products: &[Product<'_>]) -> bool {
    let end = |product: &Product<'_>| product.column + product.weights.outputs;
    products
        .windows(2)
        .all(|pair| end(&pair[0]) <= pair[1].column)
}

/// Some tiles, counted over all products.
struct Tiles<'a> {
    tiles: Range<usize>,
    rows: &'a [InputRow],
    products: &'a [Product<'a>],
    out: &'a SharedColumns<'a>,
    mode: Mode,
}

impl Kernel for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut before = 0;
        for product in self.products {
            let after = before + product.weights.tiles();
            for tile in self.tiles.start.max(before)..self.tiles.end.min(after) {
                self.tile(simd, product, tile - before);
            }
            before = after;
        }
    }
}

impl Tiles<'_> {
    #[inline(always)]
    fn tile<S: Simd>(&self, simd: S, product: &Product<'_>, tile: usize) {
        let first = tile * LANES;
        let length = LANES.min(product.weights.outputs - first);
        let bias = product.weights.bias(tile);
        product
            .weights
            .multiply_tile(simd, tile, self.rows, |row, sums| {
                // SAFETY: the pool hands out each tile once, the tiles of a product have columns
                // of their own, and so has each product (`apart`).
                let out = unsafe { self.out.piece_mut(row, product.column + first, length) };
                put(out, sums, bias, self.mode);
            });
    }
}

#[inline(always)]
fn put(out: &mut [f32], sums: &Lanes<f32>, bias: Option<&Lanes<f32>>, mode: Mode) {
    let biased = |bias: &Lanes<f32>| std::array::from_fn(|i| sums[i] + bias[i]);
    let sums = bias.map_or(*sums, biased);
    match mode {
        Mode::Store => out.copy_from_slice(&sums[..out.len()]),
        Mode::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
    }
}
