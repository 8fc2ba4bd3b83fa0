//! Blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
//!
//! Layouts as in `ggml-common.h`. `d` is the scale and `m` the minimum, both half precision.
//! Nibbles are split: the low nibble of byte `i` is value `i`, the high one value `i + 16`.
//!
//! | format | bytes | value |
//! |---|---|---|
//! | Q4_0 | `d`, 16 bytes of nibbles | `(q - 8) · d` |
//! | Q4_1 | `d`, `m`, 16 bytes of nibbles | `q · d + m` |
//! | Q5_0 | `d`, 32 fifth bits, 16 bytes of nibbles | `(q - 16) · d` |
//! | Q5_1 | `d`, `m`, 32 fifth bits, 16 bytes of nibbles | `q · d + m` |
//! | Q8_0 | `d`, 32 signed bytes | `q · d` |

use super::half;
use crate::format::Affine;

pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let [d0, d1, nibbles @ ..] = block;
    let d = half(*d0, *d1);
    split_nibbles(nibbles, out, |_, q| (f32::from(q) - 8.0) * d);
}

pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, nibbles @ ..] = block;
    let (d, m) = (half(*d0, *d1), half(*m0, *m1));
    split_nibbles(nibbles, out, |_, q| f32::from(q) * d + m);
}

pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let [d0, d1, h0, h1, h2, h3, nibbles @ ..] = block;
    let d = half(*d0, *d1);
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    split_nibbles(nibbles, out, |i, q| {
        (f32::from(q | fifth_bit(high, i)) - 16.0) * d
    });
}

pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, h0, h1, h2, h3, nibbles @ ..] = block;
    let (d, m) = (half(*d0, *d1), half(*m0, *m1));
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    split_nibbles(nibbles, out, |i, q| {
        f32::from(q | fifth_bit(high, i)) * d + m
    });
}

pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let [d0, d1, values @ ..] = block;
    let d = half(*d0, *d1);
    for (out, q) in out.iter_mut().zip(values) {
        *out = f32::from(q.cast_signed()) * d;
    }
}

pub(super) fn q4_0_codes(block: &[u8; 18], codes: &mut [u8; 32]) -> [Affine; 1] {
    let [d0, d1, nibbles @ ..] = block;
    split_nibbles(nibbles, codes, |_, q| q);
    [Affine::centred(half(*d0, *d1), 8.0)]
}

pub(super) fn q4_1_codes(block: &[u8; 20], codes: &mut [u8; 32]) -> [Affine; 1] {
    let [d0, d1, m0, m1, nibbles @ ..] = block;
    split_nibbles(nibbles, codes, |_, q| q);
    [Affine {
        scale: half(*d0, *d1),
        minimum: half(*m0, *m1),
    }]
}

pub(super) fn q5_0_codes(block: &[u8; 22], codes: &mut [u8; 32]) -> [Affine; 1] {
    let [d0, d1, h0, h1, h2, h3, nibbles @ ..] = block;
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    split_nibbles(nibbles, codes, |i, q| q | fifth_bit(high, i));
    [Affine::centred(half(*d0, *d1), 16.0)]
}

pub(super) fn q5_1_codes(block: &[u8; 24], codes: &mut [u8; 32]) -> [Affine; 1] {
    let [d0, d1, m0, m1, h0, h1, h2, h3, nibbles @ ..] = block;
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    split_nibbles(nibbles, codes, |i, q| q | fifth_bit(high, i));
    [Affine {
        scale: half(*d0, *d1),
        minimum: half(*m0, *m1),
    }]
}

pub(super) fn q8_0_codes(block: &[u8; 34], codes: &mut [u8; 32]) -> [Affine; 1] {
    let [d0, d1, values @ ..] = block;
    for (code, q) in codes.iter_mut().zip(values) {
        *code = q.wrapping_add(128);
    }
    [Affine::centred(half(*d0, *d1), 128.0)]
}

/// Gives `value` each nibble with its index.
fn split_nibbles<T>(nibbles: &[u8; 16], out: &mut [T; 32], value: impl Fn(usize, u8) -> T) {
    for (i, byte) in nibbles.iter().enumerate() {
        out[i] = value(i, byte & 15);
        out[i + 16] = value(i + 16, byte >> 4);
    }
}

/// Bit `i` of `bits`, at the place of a nibble's fifth bit.
fn fifth_bit(bits: u32, i: usize) -> u8 {
    (((bits >> i) & 1) << 4) as u8
}
