//! Random weights in the formats of `ggml-common.h`, written directly: random bits for the
//! quants, and scales such that a matrix has a standard deviation of about 0.02.

use std::io::Write;

use anyhow::Result;
use half::{bf16, f16};

use super::Quant;
use super::random::Random;
use super::tensors::{Role, Tensor};

/// How a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q8_0,
    Q4K,
    Q6K,
}

/// The standard deviation of matrices: the `initializer_range` of every shape.
const DEVIATION: f32 = 0.02;
/// Even numbers from -x to x have the standard deviation x / √3.
const SQRT_3: f32 = 1.732_050_8;

impl Encoding {
    /// How llama.cpp's `llama-quantize` and transformers store this tensor (`llama-quant.cpp`):
    /// vectors whole; a tied embedding, which is the head too, in Q6_K among 4-bit matrices; some
    /// of Q4_K_M's values and down projections in Q6_K; rows that are no multiple of 256 in Q5_0
    /// and Q8_0 instead of Q4_K and Q6_K.
    pub(super) fn of(tensor: &Tensor, quant: Quant, layers: usize) -> Self {
        if tensor.is_vector() {
            return Self::F32;
        }
        let wide = tensor.columns.is_multiple_of(256);
        let six_bits = if wide { Self::Q6K } else { Self::Q8_0 };
        let is_embedding = tensor.role == Role::Embedding;
        match quant {
            Quant::F32 => Self::F32,
            Quant::F16 => Self::F16,
            Quant::Bf16 => Self::Bf16,
            Quant::Q8_0 => Self::Q8_0,
            _ if is_embedding => six_bits,
            Quant::Q4_0 => Self::Q4_0,
            Quant::Q4_1 => Self::Q4_1,
            Quant::Q4KM if gets_more_bits(tensor, layers) => six_bits,
            Quant::Q4KM if wide => Self::Q4K,
            Quant::Q4KM => Self::Q5_0,
        }
    }

    /// The number of the format (`enum ggml_type` in `ggml.h`).
    pub(super) fn ggml(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q6K => 14,
            Self::Bf16 => 30,
        }
    }

    /// Values and bytes of a block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q6K => (256, 210),
        }
    }

    pub(super) fn bytes(self, tensor: &Tensor) -> usize {
        let (values, bytes) = self.block();
        tensor.values() / values * bytes
    }

    /// Writes the whole tensor.
    pub(super) fn write(self, tensor: &Tensor, seed: u64, out: &mut impl Write) -> Result<()> {
        let mut random = Random::of(seed, tensor);
        let (values, bytes) = self.block();
        let mut block = vec![0; bytes];
        for _ in 0..tensor.values() / values {
            self.fill(&mut block, tensor, &mut random);
            out.write_all(&block)?;
        }
        Ok(())
    }

    fn fill(self, block: &mut [u8], tensor: &Tensor, random: &mut Random) {
        match self {
            Self::F32 => block.copy_from_slice(&value(tensor, random).to_le_bytes()),
            Self::F16 => {
                let value = f16::from_f32(value(tensor, random));
                block.copy_from_slice(&value.to_le_bytes());
            }
            Self::Bf16 => {
                let value = bf16::from_f32(value(tensor, random));
                block.copy_from_slice(&value.to_le_bytes());
            }
            quantised => {
                random.fill(block);
                quantised.set_scales(block, random.between(0.75, 1.25));
            }
        }
    }

    /// Puts scales into a block of random bits. `spread` varies them from block to block.
    fn set_scales(self, block: &mut [u8], spread: f32) {
        // The standard deviation of n even whole numbers is about n / √12.
        let scale = |numbers: f32| DEVIATION * spread * 2.0 * SQRT_3 / numbers;
        match self {
            Self::Q4_0 => set_half(block, 0, scale(16.0)),
            Self::Q4_1 => {
                set_half(block, 0, scale(16.0));
                set_half(block, 2, -7.5 * scale(16.0));
            }
            Self::Q5_0 => set_half(block, 0, scale(32.0)),
            Self::Q8_0 => set_half(block, 0, scale(256.0)),
            Self::Q4K => set_q4_k(block, scale(16.0)),
            Self::Q6K => {
                // Sixteen signed scales of 8 to 15.
                block[192..208].iter_mut().for_each(|s| *s = 8 | *s & 7);
                set_half(block, 208, scale(64.0) / 11.5);
            }
            Self::F32 | Self::F16 | Self::Bf16 => {}
        }
    }
}

/// Every group's minimum takes the middle of its values to zero: it has the same 6 bits as the
/// group's scale, and `dmin` is 7.5 `d`. Groups 0 to 3 have their bits in bytes 0 to 3 (scales)
/// and 4 to 7 (minima), which also hold the upper bit pairs of groups 4 to 7; bytes 8 to 11 hold
/// the lower four bits of those.
fn set_q4_k(block: &mut [u8], scale: f32) {
    set_half(block, 0, scale / 48.0);
    set_half(block, 2, 7.5 * scale / 48.0);
    // All scales between 32 and 63: bit 5 is set, of groups 4 to 7 in the upper pair.
    for group in 0..4 {
        let low = block[4 + group] & 31 | 32;
        let high = block[4 + group] & 0x40 | 0x80;
        let nibble = block[12 + group] & 15;
        block[4 + group] = low | high;
        block[8 + group] = low | high;
        block[12 + group] = nibble | nibble << 4;
    }
}

fn set_half(block: &mut [u8], at: usize, value: f32) {
    block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
}

/// A value of a tensor that is not quantised.
fn value(tensor: &Tensor, random: &mut Random) -> f32 {
    match tensor.is_norm() {
        true => random.between(0.75, 1.25),
        false => random.between(-DEVIATION * SQRT_3, DEVIATION * SQRT_3),
    }
}

/// The layers whose values and down projections Q4_K_M stores in Q6_K (`use_more_bits` of
/// `llama-quant.cpp`): the first and last eighth, and every third between.
fn gets_more_bits(tensor: &Tensor, layers: usize) -> bool {
    let (layer, eighth) = (tensor.layer, layers / 8);
    matches!(tensor.role, Role::Value | Role::Down)
        && (layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2)
}
