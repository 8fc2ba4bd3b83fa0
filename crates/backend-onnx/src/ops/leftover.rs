//! What `MatMulNBits` leaves over of a matrix.

#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use crate::functions::sum;
use crate::pack::LEFTOVER_TILE;
use crate::simd::{InstructionSet, Kernel, MultiplyAdd};

/// Rows whose sums are kept in registers.
const ROWS: usize = 4;
/// The most rows of a task, so that a leftover that was read serves several rows.
const MOST_ROWS: usize = 8;
/// Tasks that are worth making of a few rows.
const TASKS: usize = 4;

/// How many of some rows a task takes.
pub(super) fn rows_in_task(rows: usize) -> usize {
    rows.div_ceil(TASKS).clamp(1, MOST_ROWS)
}

/// The leftovers of a matrix, with the rows that were multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leftover<'a> {
    /// The rows that the matrix was multiplied with.
    rows: &'a [f32],
    width: usize,
    /// For each tile of outputs its groups: see [`crate::pack::Packed`].
    numbers: &'a [[f32; LEFTOVER_TILE]],
    groups: usize,
}

impl<'a> Leftover<'a> {
    /// `None` if there are none. A product of the matrix has `outputs` numbers for each of `tokens`
    /// rows.
    pub(super) fn new(
        rows: Option<&'a [f32]>,
        numbers: Option<&'a [f32]>,
        tokens: usize,
        outputs: usize,
    ) -> Option<Self> {
        let (rows, numbers) = (rows?, numbers?.as_chunks().0);
        Some(Self {
            rows,
            width: rows.len() / tokens.max(1),
            numbers,
            groups: numbers.len() / outputs.div_ceil(LEFTOVER_TILE).max(1),
        })
    }

    /// Adds the leftovers of the rows from `row` on, for the outputs from `first` on, to their
    /// products. What a row gets does not depend on the others.
    pub(super) fn add(
        self,
        set: InstructionSet,
        row: usize,
        first: usize,
        products: &mut [&mut [f32]],
    ) {
        let inputs = &self.rows[row * self.width..][..products.len() * self.width];
        set.run(Add {
            inputs,
            size: self.width / self.groups,
            numbers: &self.numbers[first / LEFTOVER_TILE * self.groups..],
            lane: first % LEFTOVER_TILE,
            groups: self.groups,
            products,
        });
    }
}

/// Some rows of a product, and what to add to them.
struct Add<'a, 'p> {
    inputs: &'a [f32],
    /// Inputs in a group.
    size: usize,
    /// From the tile on in which the products begin.
    numbers: &'a [[f32; LEFTOVER_TILE]],
    /// Where in that tile.
    lane: usize,
    groups: usize,
    products: &'a mut [&'p mut [f32]],
}

impl Kernel for Add<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<M: MultiplyAdd>(self) {
        let sums: Vec<f32> = self.inputs.chunks_exact(self.size).map(sum).collect();
        let end = self.lane + self.products.first().map_or(0, |product| product.len());
        let tiles = self.numbers.chunks_exact(self.groups);
        for (tile, numbers) in tiles.take(end.div_ceil(LEFTOVER_TILE)).enumerate() {
            let first = tile * LEFTOVER_TILE;
            let lanes = self.lane.saturating_sub(first)..LEFTOVER_TILE.min(end - first);
            let place = first + lanes.start - self.lane;
            let mut sums = sums.chunks_exact(self.groups);
            let mut sums = || sums.next().unwrap_or_default();
            for products in self.products.chunks_mut(ROWS) {
                let parts = products
                    .iter_mut()
                    .map(|row| &mut row[place..][..lanes.len()]);
                let mut parts = parts.collect::<Vec<_>>();
                match &mut parts[..] {
                    [a, b, c, d] => {
                        let sums = std::array::from_fn(|_| sums());
                        add_tile::<M, ROWS>(numbers, sums, lanes.start, [a, b, c, d]);
                    }
                    fewer => {
                        for part in fewer {
                            add_tile::<M, 1>(numbers, [sums()], lanes.start, [part]);
                        }
                    }
                }
            }
        }
    }
}

/// Adds one tile's leftovers, from a lane on, to parts of `R` rows.
#[inline(always)]
fn add_tile<M: MultiplyAdd, const R: usize>(
    numbers: &[[f32; LEFTOVER_TILE]],
    sums: [&[f32]; R],
    lane: usize,
    mut parts: [&mut [f32]; R],
) {
    let lanes = lane..lane + parts[0].len();
    let mut tiles = [[0.0; LEFTOVER_TILE]; R];
    for (tile, part) in tiles.iter_mut().zip(&parts) {
        tile[lanes.clone()].copy_from_slice(part);
    }
    let tiles = totals::<M, R>(numbers, sums, tiles);
    for (tile, part) in tiles.iter().zip(&mut parts) {
        part.copy_from_slice(&tile[lanes.clone()]);
    }
}

/// The sums stay in registers: nothing takes their address.
#[inline(always)]
fn totals<M: MultiplyAdd, const R: usize>(
    numbers: &[[f32; LEFTOVER_TILE]],
    sums: [&[f32]; R],
    tiles: [[f32; LEFTOVER_TILE]; R],
) -> [[f32; LEFTOVER_TILE]; R] {
    let sums = sums.map(|sums| &sums[..numbers.len()]);
    let mut totals = tiles;
    for group in 0..numbers.len() {
        for row in 0..R {
            let sum = sums[row][group];
            for lane in 0..LEFTOVER_TILE {
                let total = totals[row][lane];
                totals[row][lane] = M::multiply_add(numbers[group][lane], sum, total);
            }
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns that begin within a tile and end in another, and rows with and without company.
    #[test]
    fn every_part_of_a_product_gets_its_leftovers() {
        const OUTPUTS: usize = 70;
        let (groups, size, tokens) = (3, 16, 6);
        let inputs: Vec<f32> = (0..tokens * groups * size)
            .map(|i| (i % 7) as f32)
            .collect();
        let numbers: Vec<f32> = (0..3 * groups * LEFTOVER_TILE)
            .map(|i| (i % 11) as f32)
            .collect();
        let leftover = Leftover::new(Some(&inputs), Some(&numbers), tokens, OUTPUTS).unwrap();
        let wanted = |row: usize, column: usize| -> f32 {
            let of_group = |group: usize| {
                let inputs = &inputs[(row * groups + group) * size..][..size];
                let tile = column / LEFTOVER_TILE * groups + group;
                numbers[tile * LEFTOVER_TILE + column % LEFTOVER_TILE] * inputs.iter().sum::<f32>()
            };
            1.0 + (0..groups).map(of_group).sum::<f32>()
        };
        for set in [InstructionSet::Portable, InstructionSet::detect()] {
            for (row, count, first, width) in [(0, 6, 0, 70), (1, 5, 20, 50), (2, 1, 33, 5)] {
                let mut product = vec![1.0; count * width];
                let mut rows: Vec<_> = product.chunks_mut(width).collect();
                leftover.add(set, row, first, &mut rows);
                for (i, found) in product.iter().enumerate() {
                    let (row, column) = (row + i / width, first + i % width);
                    assert_eq!(*found, wanted(row, column), "row {row}, column {column}");
                }
            }
        }
    }
}
