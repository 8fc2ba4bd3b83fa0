//! From stored blocks to single precision.

mod k_quants;
mod legacy;
mod plain;

use crate::format::{Affine, TensorFormat};

/// Both slices hold the same number of whole blocks.
pub(crate) fn dequantize(format: TensorFormat, bytes: &[u8], out: &mut [f32]) {
    match format {
        TensorFormat::F32 => each_block(bytes, out, plain::f32),
        TensorFormat::F16 => each_block(bytes, out, plain::f16),
        TensorFormat::BF16 => each_block(bytes, out, plain::bf16),
        TensorFormat::Q4_0 => each_block(bytes, out, legacy::q4_0),
        TensorFormat::Q4_1 => each_block(bytes, out, legacy::q4_1),
        TensorFormat::Q5_0 => each_block(bytes, out, legacy::q5_0),
        TensorFormat::Q5_1 => each_block(bytes, out, legacy::q5_1),
        TensorFormat::Q8_0 => each_block(bytes, out, legacy::q8_0),
        TensorFormat::Q4K => each_block(bytes, out, k_quants::q4_k),
        TensorFormat::Q5K => each_block(bytes, out, k_quants::q5_k),
        TensorFormat::Q6K => each_block(bytes, out, k_quants::q6_k),
    }
}

/// Both slices hold the same number of whole blocks; `false` if the format has no codes.
pub(crate) fn unpack(
    format: TensorFormat,
    bytes: &[u8],
    codes: &mut [u8],
    groups: &mut Vec<Affine>,
) -> bool {
    match format {
        TensorFormat::F32 | TensorFormat::F16 | TensorFormat::BF16 => return false,
        TensorFormat::Q4_0 => each_code(bytes, codes, groups, legacy::q4_0_codes),
        TensorFormat::Q4_1 => each_code(bytes, codes, groups, legacy::q4_1_codes),
        TensorFormat::Q5_0 => each_code(bytes, codes, groups, legacy::q5_0_codes),
        TensorFormat::Q5_1 => each_code(bytes, codes, groups, legacy::q5_1_codes),
        TensorFormat::Q8_0 => each_code(bytes, codes, groups, legacy::q8_0_codes),
        TensorFormat::Q4K => each_code(bytes, codes, groups, k_quants::q4_k_codes),
        TensorFormat::Q5K => each_code(bytes, codes, groups, k_quants::q5_k_codes),
        TensorFormat::Q6K => each_code(bytes, codes, groups, k_quants::q6_k_codes),
    }
    true
}

fn each_code<const BYTES: usize, const VALUES: usize, const GROUPS: usize>(
    bytes: &[u8],
    codes: &mut [u8],
    groups: &mut Vec<Affine>,
    decode: impl Fn(&[u8; BYTES], &mut [u8; VALUES]) -> [Affine; GROUPS],
) {
    let blocks = bytes.as_chunks().0;
    for (block, codes) in blocks.iter().zip(codes.as_chunks_mut().0) {
        groups.extend(decode(block, codes));
    }
}

fn each_block<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let blocks = bytes.as_chunks().0;
    for (block, values) in blocks.iter().zip(out.as_chunks_mut().0) {
        decode(block, values);
    }
}

/// A half-precision number, little endian.
fn half(low: u8, high: u8) -> f32 {
    half::f16::from_le_bytes([low, high]).to_f32()
}
