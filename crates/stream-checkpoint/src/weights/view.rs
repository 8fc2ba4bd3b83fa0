//! A tensor as it lies in the file.

use crate::format::TensorFormat;

/// A tensor in the file: row-major, `rows` times `columns` values.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    pub(super) name: &'a str,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) format: TensorFormat,
    pub(super) bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// Its name in the file.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Rows and columns. A matrix is `(outputs, inputs)`, a vector `(1, length)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// How its numbers are stored.
    pub fn format(&self) -> TensorFormat {
        self.format
    }

    /// Its blocks, row after row: in the mapped file, at a multiple of the file's alignment
    /// (usually 32) from its beginning; in a file that was read, anywhere.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The blocks of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_bytes(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let length = self.bytes.len() / self.rows;
        &self.bytes[row * length..][..length]
    }

    /// Its numbers, row after row.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.columns];
        self.format.dequantize(self.bytes, &mut out);
        out
    }

    /// The numbers of one row.
    ///
    /// # Panics
    /// If there is no such row, or `out` is not exactly as long as a row.
    pub fn row_to_f32(&self, row: usize, out: &mut [f32]) {
        self.format.dequantize(self.row_bytes(row), out);
    }

    /// The first row with a number that is infinite or none, and that number.
    pub(super) fn not_finite(&self) -> Option<(usize, f32)> {
        let mut numbers = vec![0.0; self.columns];
        (0..self.rows).find_map(|row| {
            self.row_to_f32(row, &mut numbers);
            let wrong = numbers.iter().find(|number| !number.is_finite());
            wrong.map(|wrong| (row, *wrong))
        })
    }
}
