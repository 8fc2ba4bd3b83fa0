//! Q5_K, multiplied by candle's own dot products.
//!
//! candle's kernel is good for one row, and its blocks are as small as in the file. Its matrix product picks another kernel when there is more than one row, so a row's
//! result would depend on its batch; each pair of rows is therefore multiplied by itself.

use candle_core::quantized::k_quants::{BlockQ8K, GgmlType};

use super::input::InputRow;
use crate::simd::{LANES, Lanes};

/// A matrix of weights in candle's blocks of 256.
#[derive(Debug)]
pub(crate) struct KBlocks<T> {
    blocks: Vec<T>,
    blocks_per_row: usize,
}

impl<T: GgmlType<VecDotType = BlockQ8K>> KBlocks<T> {
    /// Copies rows of `columns` weights, given as they lie in a GGUF file.
    pub(crate) fn new(columns: usize, bytes: &[u8]) -> Self {
        let count = bytes.len() / size_of::<T>();
        let mut blocks = vec![T::zeros(); count];
        // SAFETY: the blocks are plain integers, for which any bytes will do, laid out as in a
        // GGUF file, and `count` of them fit into both. They do not overlap: one is new.
        unsafe {
            let to = blocks.as_mut_ptr().cast::<u8>();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count * size_of::<T>());
        }
        Self {
            blocks,
            blocks_per_row: columns / T::BLCK_SIZE,
        }
    }

    /// The products of every row with 16 outputs, given to `emit` with the number of the row.
    pub(crate) fn multiply(
        &self,
        tile: usize,
        rows: &[InputRow],
        mut emit: impl FnMut(usize, &Lanes<f32>),
    ) {
        let tile = self
            .blocks
            .chunks(self.blocks_per_row)
            .skip(tile * LANES)
            .take(LANES);
        for (number, row) in rows.iter().enumerate() {
            let mut out = [0.0; LANES];
            for (out, weights) in out.iter_mut().zip(tile.clone()) {
                *out = T::vec_dot(row.values.len(), weights, &row.k_blocks);
            }
            emit(number, &out);
        }
    }
}
