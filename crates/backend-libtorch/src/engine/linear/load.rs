//! Rows of tensors, in any order and on all threads.

use std::thread;

use half::bf16;
use stream_checkpoint::TensorView;
use tch::{Kind, TchError, Tensor};

use super::Part;

/// Columns of every part.
pub(super) fn inputs(parts: &[Part<'_>]) -> usize {
    parts.first().map_or(0, |part| part.weight.shape().1)
}

/// Every row of the parts, made from its numbers.
pub(super) fn rows<T: Copy + Default + Send>(
    parts: &[Part<'_>],
    threads: usize,
    make: impl Fn(&[f32], &mut [T]) + Sync,
) -> Vec<T> {
    let width = inputs(parts);
    blocks(parts, threads, width, |weight, row, out| {
        let mut numbers = vec![0.0; width];
        weight.row_to_f32(row, &mut numbers);
        make(&numbers, out);
    })
}

/// `width` values for each row of the parts, made from the tensor and the row's number in it.
pub(super) fn blocks<T: Copy + Default + Send>(
    parts: &[Part<'_>],
    threads: usize,
    width: usize,
    make: impl Fn(&TensorView<'_>, usize, &mut [T]) + Sync,
) -> Vec<T> {
    let sources: Vec<_> = (parts.iter())
        .flat_map(|part| part.rows.iter().map(|&row| (&part.weight, row)))
        .collect();
    let mut all = vec![T::default(); sources.len() * width];
    let make = &make;
    let share = sources.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        for (out, sources) in all.chunks_mut(share * width).zip(sources.chunks(share)) {
            scope.spawn(move || {
                for (out, (weight, row)) in out.chunks_mut(width).zip(sources) {
                    make(weight, *row, out);
                }
            });
        }
    });
    all
}

/// A tensor of `bf16`. tch 0.24 takes a slice of them for `f16`, so the bits are told what they
/// are.
pub(super) fn tensor(numbers: &[bf16]) -> Result<Tensor, TchError> {
    Tensor::from_slice(numbers).f_view_dtype(Kind::BFloat16)
}

/// `[outputs, inputs]` of `f32`.
pub(super) fn single(parts: &[Part<'_>], threads: usize) -> Result<Tensor, TchError> {
    let numbers = rows(parts, threads, |row, out: &mut [f32]| {
        out.copy_from_slice(row);
    });
    Tensor::from_slice(&numbers).f_view([-1, inputs(parts) as i64])
}

/// What is added to each output; 0 where a part has no bias.
pub(super) fn bias(parts: &[Part<'_>]) -> Tensor {
    let of_part = |part: &Part<'_>| match &part.bias {
        Some(bias) => {
            let numbers = bias.to_f32();
            part.rows.iter().map(|&row| numbers[row]).collect()
        }
        None => vec![0.0; part.rows.len()],
    };
    Tensor::from_slice(&parts.iter().flat_map(of_part).collect::<Vec<f32>>())
}
