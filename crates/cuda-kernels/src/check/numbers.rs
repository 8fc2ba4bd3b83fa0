//! Numbers for the checks: made up, rounded, compared.

use half::{bf16, f16};

use crate::{Device, Number};

/// A small generator; the checks need variety, not quality (xorshift64*, Vigna 2016).
#[derive(Debug)]
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Under `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        (bits as usize * end) >> 32
    }

    /// About evenly between −`size` and `size`.
    pub(super) fn number(&mut self, size: f32) -> f32 {
        const STEPS: usize = 1 << 20;
        (self.below(STEPS) as f32 / (STEPS / 2) as f32 - 1.0) * size
    }

    pub(super) fn numbers(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| self.number(size)).collect()
    }
}

/// What a number becomes in another kind.
pub(super) fn rounded(number: Number, x: f32) -> f32 {
    match number {
        Number::F32 => x,
        Number::F16 => f16::from_f32(x).to_f32(),
        Number::Bf16 => bf16::from_f32(x).to_f32(),
    }
}

pub(super) fn to_bytes(number: Number, numbers: &[f32]) -> Vec<u8> {
    let bytes = |&x: &f32| match number {
        Number::F32 => x.to_ne_bytes().to_vec(),
        Number::F16 => f16::from_f32(x).to_ne_bytes().to_vec(),
        Number::Bf16 => bf16::from_f32(x).to_ne_bytes().to_vec(),
    };
    numbers.iter().flat_map(bytes).collect()
}

pub(super) fn from_bytes(number: Number, bytes: &[u8]) -> Vec<f32> {
    let pairs = || bytes.as_chunks().0.iter();
    match number {
        Number::F32 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&x| f32::from_ne_bytes(x))
            .collect(),
        Number::F16 => pairs().map(|&x| f16::from_ne_bytes(x).to_f32()).collect(),
        Number::Bf16 => pairs().map(|&x| bf16::from_ne_bytes(x).to_f32()).collect(),
    }
}

pub(super) fn floats<D: Device>(device: &D, numbers: &[f32]) -> Result<D::Memory, D::Error> {
    device.upload(&to_bytes(Number::F32, numbers))
}

pub(super) fn integers<D: Device>(device: &D, numbers: &[i32]) -> Result<D::Memory, D::Error> {
    let bytes: Vec<_> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
    device.upload(&bytes)
}

/// Memory for so many numbers, each a NaN: what a kernel does not write is seen.
pub(super) fn unwritten<D: Device>(
    device: &D,
    number: Number,
    count: usize,
) -> Result<D::Memory, D::Error> {
    device.upload(&to_bytes(number, &vec![f32::NAN; count]))
}

/// The largest distance of a number from what it should be, as a part of what is allowed: a
/// rounding to its kind, and `slack` of the largest number. Infinite where one is missing, or a
/// NaN where there should be none, or none where there should.
pub(super) fn error(number: Number, found: &[f32], wanted: &[f64], slack: f64) -> f64 {
    let step = match number {
        Number::F32 => f64::from(f32::EPSILON),
        Number::F16 => f64::from(f16::EPSILON),
        Number::Bf16 => f64::from(bf16::EPSILON),
    };
    let largest = wanted
        .iter()
        .fold(0.0, |largest, x| f64::max(largest, x.abs()));
    let part = |(&found, &wanted): (&f32, &f64)| {
        if wanted.is_nan() && found.is_nan() {
            return 0.0;
        }
        let part = (f64::from(found) - wanted).abs() / (wanted.abs() * step + largest * slack);
        if part.is_nan() { f64::INFINITY } else { part }
    };
    match found.len() == wanted.len() {
        true => found.iter().zip(wanted).map(part).fold(0.0, f64::max),
        false => f64::INFINITY,
    }
}

/// FNV-1a.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}
