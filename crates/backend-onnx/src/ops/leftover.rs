//! What `MatMulNBits` leaves over of a matrix.

use crate::functions::add_scaled;
use crate::simd::InstructionSet;

/// The leftovers of a matrix, with the rows that were multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leftover<'a> {
    /// The rows that the matrix was multiplied with.
    rows: &'a [f32],
    width: usize,
    /// For each group of inputs its outputs.
    numbers: &'a [f32],
    outputs: usize,
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
        let (rows, numbers) = (rows?, numbers?);
        Some(Self {
            rows,
            width: rows.len() / tokens.max(1),
            numbers,
            outputs,
        })
    }

    /// Adds a row's leftovers, for the outputs from `first` on, to its product.
    pub(super) fn add(&self, set: InstructionSet, row: usize, first: usize, product: &mut [f32]) {
        let groups = self.numbers.len() / self.outputs;
        let size = self.width / groups;
        let inputs = self.rows[row * self.width..][..self.width].chunks(size);
        for (inputs, numbers) in inputs.zip(self.numbers.chunks(self.outputs)) {
            let sum = inputs.iter().sum();
            add_scaled(set, sum, &numbers[first..][..product.len()], product);
        }
    }
}
