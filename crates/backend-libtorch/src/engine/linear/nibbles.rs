//! Weights of 4 bits, for `_weight_int4pack_mm_for_cpu`.
//!
//! The operator computes `w = (q - 8) * scale + zero` for groups of 32 weights, which is what the
//! blocks of ggml hold (`block_q4_0` and `block_q4_1` in `ggml-common.h`): Q4_0 is
//! `d * (q - 8)`, and Q4_1 is `d * q + m = d * (q - 8) + (m + 8 * d)`. Activations, scales and
//! zeros are `bf16`: for `f32` it has scalar code alone.

use half::{bf16, f16};
use stream_checkpoint::{TensorFormat, TensorView};
use tch::{TchError, Tensor};

use super::Part;
use super::load;

/// Weights that share a scale.
const GROUP: usize = 32;
/// What the operator wants the number of outputs to be a multiple of.
const OUTPUTS: usize = 16;

/// A matrix of 4-bit weights.
#[derive(Debug)]
pub(super) struct Nibbles {
    packed: Tensor,
    /// `[inputs / 32, outputs, 2]`.
    scales_and_zeros: Tensor,
}

impl Nibbles {
    /// Whether a tensor has a format that fits.
    pub(super) fn takes(weight: &TensorView<'_>) -> bool {
        matches!(weight.format(), TensorFormat::Q4_0 | TensorFormat::Q4_1)
    }

    /// Whether a matrix has a number of outputs that fits.
    pub(super) fn takes_outputs(outputs: usize) -> bool {
        outputs.is_multiple_of(OUTPUTS)
    }

    /// From parts that fit.
    pub(super) fn load(parts: &[Part<'_>], threads: usize) -> Result<Self, TchError> {
        let inputs = load::inputs(parts);
        let weights: Vec<i32> = load::blocks(parts, threads, inputs, |weight, row, out| {
            let groups = blocks(weight, row).zip(out.as_chunks_mut::<GROUP>().0);
            groups.for_each(|(block, group)| split(block, group));
        });
        let weights = Tensor::from_slice(&weights).f_view([-1, inputs as i64])?;
        let groups = inputs / GROUP;
        let scales: Vec<bf16> = load::blocks(parts, threads, 2 * groups, |weight, row, out| {
            let pairs = blocks(weight, row).zip(out.as_chunks_mut::<2>().0);
            pairs.for_each(|(block, pair)| *pair = scale_and_zero(block, weight.format()));
        });
        let scales = load::tensor(&scales)?.f_view([-1, groups as i64, 2])?;
        Ok(Self {
            packed: weights.f_internal_convert_weight_to_int4pack_for_cpu(1)?,
            scales_and_zeros: scales.f_transpose(0, 1)?.f_contiguous()?,
        })
    }

    /// Rows of `bf16`.
    pub(super) fn multiply(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let (packed, scales) = (&self.packed, &self.scales_and_zeros);
        rows.f_internal_weight_int4pack_mm_for_cpu(packed, GROUP as i64, scales)
    }
}

/// The blocks of a row.
fn blocks<'a>(weight: &TensorView<'a>, row: usize) -> impl Iterator<Item = &'a [u8]> {
    weight.row_bytes(row).chunks(weight.format().block_bytes())
}

/// A block's weights, from 0 to 15: they are its last 16 bytes, the first half in the low
/// nibbles.
fn split(block: &[u8], weights: &mut [i32; GROUP]) {
    let (low, high) = weights.split_at_mut(GROUP / 2);
    let nibbles = &block[block.len() - GROUP / 2..];
    for ((low, high), byte) in low.iter_mut().zip(high).zip(nibbles) {
        (*low, *high) = (i32::from(byte & 15), i32::from(byte >> 4));
    }
}

/// From the half-precision numbers that a block begins with.
fn scale_and_zero(block: &[u8], format: TensorFormat) -> [bf16; 2] {
    let number = |i: usize| f16::from_le_bytes([block[2 * i], block[2 * i + 1]]).to_f32();
    let scale = number(0);
    let zero = match format {
        TensorFormat::Q4_1 => number(1) + 8.0 * scale,
        _ => 0.0,
    };
    [scale, zero].map(bf16::from_f32)
}
