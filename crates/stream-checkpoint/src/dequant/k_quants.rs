//! Blocks of 256 values with scales of their own: Q4_K, Q5_K, Q6_K.
//!
//! Layouts as in `ggml-common.h`. `d` is a half-precision scale of the scales, `dmin` one of the
//! minima.
//!
//! | format | bytes | value |
//! |---|---|---|
//! | Q4_K | `d`, `dmin`, 12 of scales, 128 of nibbles | `q · d·scale - dmin·min`, scale and min per 32 |
//! | Q5_K | `d`, `dmin`, 12 of scales, 32 of fifth bits, 128 of nibbles | the same |
//! | Q6_K | 128 of nibbles, 64 of upper bit pairs, 16 signed scales, `d` | `(q - 32) · d·scale`, scale per 16 |

use super::half;
use crate::format::Affine;

pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (head, nibbles) = block.split_at(16);
    let scales = Scales::new(head);
    scaled_groups(&scales, nibbles, out, |_, _| 0);
}

pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (head, rest) = block.split_at(16);
    let (high, nibbles) = rest.split_at(32);
    let scales = Scales::new(head);
    // Byte `i` of the fifth bits holds those of value `i` of all eight groups.
    scaled_groups(&scales, nibbles, out, |group, i| {
        (high[i] >> group & 1) << 4
    });
}

pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (nibbles, rest) = block.split_at(128);
    let (pairs, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = half(d[0], d[1]);
    for (i, out) in out.iter_mut().enumerate() {
        let scale = f32::from(scales[i / 16].cast_signed());
        *out = d * scale * (f32::from(six_bits(nibbles, pairs, i)) - 32.0);
    }
}

pub(super) fn q4_k_codes(block: &[u8; 144], codes: &mut [u8; 256]) -> [Affine; 8] {
    let (head, nibbles) = block.split_at(16);
    group_codes(head, nibbles, codes, |_, _| 0)
}

pub(super) fn q5_k_codes(block: &[u8; 176], codes: &mut [u8; 256]) -> [Affine; 8] {
    let (head, rest) = block.split_at(16);
    let (high, nibbles) = rest.split_at(32);
    group_codes(head, nibbles, codes, |group, i| (high[i] >> group & 1) << 4)
}

pub(super) fn q6_k_codes(block: &[u8; 210], codes: &mut [u8; 256]) -> [Affine; 16] {
    let (nibbles, rest) = block.split_at(128);
    let (pairs, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = half(d[0], d[1]);
    for (i, code) in codes.iter_mut().enumerate() {
        *code = six_bits(nibbles, pairs, i);
    }
    std::array::from_fn(|i| Affine::centred(d * f32::from(scales[i].cast_signed()), 32.0))
}

/// The codes of eight groups of 32, and what they stand for.
fn group_codes(
    head: &[u8],
    nibbles: &[u8],
    codes: &mut [u8; 256],
    high: impl Fn(usize, usize) -> u8,
) -> [Affine; 8] {
    for (i, code) in codes.iter_mut().enumerate() {
        let (group, at) = (i / 32, i % 32);
        let nibble = nibbles[32 * (group / 2) + at] >> (4 * (group % 2)) & 15;
        *code = nibble | high(group, at);
    }
    let scales = Scales::new(head);
    std::array::from_fn(|group| {
        let (scale, minimum) = scales.group(group);
        Affine {
            scale,
            minimum: -minimum,
        }
    })
}

/// Value `i` of a Q6_K block. Each half of 128 values is four runs of 32: a run's nibbles are
/// the low or the high ones of 32 of the half's 64 bytes, its bit pairs one of four in 32 bytes.
fn six_bits(nibbles: &[u8], pairs: &[u8], i: usize) -> u8 {
    let (half, run, at) = (i / 128, i / 32 % 4, i % 32);
    let low = nibbles[64 * half + 32 * (run % 2) + at] >> (4 * (run / 2)) & 15;
    let high = pairs[32 * half + at] >> (2 * run) & 3;
    low | high << 4
}

/// Writes eight groups of 32. Groups 2k and 2k + 1 are the low and high nibbles of the same 32
/// bytes; `high` gives the bits above a value's nibble.
fn scaled_groups(
    scales: &Scales<'_>,
    nibbles: &[u8],
    out: &mut [f32; 256],
    high: impl Fn(usize, usize) -> u8,
) {
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scales.group(group);
        let bytes = &nibbles[32 * (group / 2)..];
        for (i, out) in out.iter_mut().enumerate() {
            let nibble = bytes[i] >> (4 * (group % 2)) & 15;
            *out = f32::from(nibble | high(group, i)) * scale - minimum;
        }
    }
}

/// The scales and minima of the eight groups of a Q4_K or Q5_K block.
struct Scales<'a> {
    d: f32,
    dmin: f32,
    packed: &'a [u8],
}

impl<'a> Scales<'a> {
    fn new(head: &'a [u8]) -> Self {
        Self {
            d: half(head[0], head[1]),
            dmin: half(head[2], head[3]),
            packed: &head[4..16],
        }
    }

    /// Scale and minimum of a group.
    fn group(&self, group: usize) -> (f32, f32) {
        let (scale, minimum) = self.six_bits(group);
        (self.d * f32::from(scale), self.dmin * f32::from(minimum))
    }

    /// Twelve bytes hold 16 six-bit numbers: the first four scales and minima in the low six
    /// bits of bytes 0–3 and 4–7; of the others, the low four bits in the nibbles of bytes 8–11
    /// and the high two above the first ones.
    fn six_bits(&self, group: usize) -> (u8, u8) {
        let packed = self.packed;
        match group.checked_sub(4) {
            None => (packed[group] & 63, packed[group + 4] & 63),
            Some(i) => (
                packed[i + 8] & 15 | packed[i] >> 6 << 4,
                packed[i + 8] >> 4 | packed[i + 4] >> 6 << 4,
            ),
        }
    }
}
