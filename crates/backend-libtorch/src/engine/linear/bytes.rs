//! Weights of 8 bits, for `_weight_int8pack_mm`: a scale for each output, activations of `bf16`.
//!
//! A row of Q8_0 has a scale for every 32 weights. Here it gets one for all of them, its largest
//! weight divided by 127, so that each weight moves by half of that at most.

use half::bf16;
use tch::{TchError, Tensor};

use super::Part;
use super::load;

/// A matrix of 8-bit weights.
#[derive(Debug)]
pub(super) struct Bytes {
    /// `[outputs, inputs]`.
    weights: Tensor,
    /// `[outputs]`.
    scales: Tensor,
}

impl Bytes {
    pub(super) fn load(parts: &[Part<'_>], threads: usize) -> Result<Self, TchError> {
        let inputs = load::inputs(parts);
        let weights: Vec<i8> = load::rows(parts, threads, |row, out| {
            let scale = scale(row);
            for (out, number) in out.iter_mut().zip(row) {
                *out = if scale == 0.0 {
                    0
                } else {
                    (number / scale).round() as i8
                };
            }
        });
        let scales: Vec<bf16> = load::blocks(parts, threads, 1, |weight, row, out| {
            let mut numbers = vec![0.0; inputs];
            weight.row_to_f32(row, &mut numbers);
            out[0] = bf16::from_f32(scale(&numbers));
        });
        Ok(Self {
            weights: Tensor::from_slice(&weights).f_view([-1, inputs as i64])?,
            scales: load::tensor(&scales)?,
        })
    }

    /// Rows of `bf16`.
    pub(super) fn multiply(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        rows.f_internal_weight_int8pack_mm(&self.weights, &self.scales)
    }
}

/// Of a row, as the operator's `bf16` has it.
fn scale(row: &[f32]) -> f32 {
    let largest = row
        .iter()
        .fold(0.0, |largest, number| f32::max(largest, number.abs()));
    // Rounded up, so that the largest weight stays within 127 scales.
    let scale = bf16::from_f32(largest / 127.0 * (1.0 + 1.0 / 256.0));
    scale.to_f32()
}
