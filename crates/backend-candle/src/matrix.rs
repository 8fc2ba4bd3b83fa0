//! Rows of numbers, and how threads write different columns of them.

use std::marker::PhantomData;

/// Row-major numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matrix {
    width: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// `rows` rows of `width` zeros.
    pub(crate) fn new(rows: usize, width: usize) -> Self {
        Self {
            width,
            data: vec![0.0; rows * width],
        }
    }

    /// Numbers in a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// One row.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.width..][..self.width]
    }

    /// The first `rows` rows, one after the other.
    pub(crate) fn head_mut(&mut self, rows: usize) -> &mut [f32] {
        &mut self.data[..rows * self.width]
    }

    /// Lets threads write its first `rows` rows.
    pub(crate) fn share(&mut self, rows: usize) -> SharedColumns<'_> {
        let head = self.head_mut(rows);
        SharedColumns {
            rows,
            base: head.as_mut_ptr(),
            width: self.width,
            matrix: PhantomData,
        }
    }
}

/// A matrix whose columns are shared out among threads.
#[derive(Debug)]
pub(crate) struct SharedColumns<'a> {
    base: *mut f32,
    rows: usize,
    width: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `piece_mut`, whose callers keep their pieces apart.
unsafe impl Sync for SharedColumns<'_> {}

impl SharedColumns<'_> {
    /// Part of a row.
    ///
    /// # Panics
    /// If it does not lie in the matrix.
    ///
    /// # Safety
    /// While the piece is in use, nobody else has one that overlaps it.
    #[inline(always)]
    #[allow(
        clippy::mut_from_ref,
        reason = "threads share it; the caller keeps their pieces apart"
    )]
    pub(crate) unsafe fn piece_mut(&self, row: usize, column: usize, length: usize) -> &mut [f32] {
        assert!(row < self.rows && column <= self.width && length <= self.width - column);
        // SAFETY: it lies in the matrix, which is borrowed for as long as `self` lives, and the
        // caller says that nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(row * self.width + column), length) }
    }
}
