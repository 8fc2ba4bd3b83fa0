//! Matrices of weights and their products with rows of activations.
//!
//! The forms that a matrix can have, and where its file's format leads:
//!
//! | format | kept as | bits a weight | exact |
//! |---|---|---|---|
//! | Q4_0, Q4_1 | [`NibbleBlock`] | 5 | yes |
//! | Q8_0 | [`ByteBlock`] | 9 | yes |
//! | Q5_0, Q5_1 | [`ByteBlock`] | 9 | to 1/254 of a block's largest weight |
//! | Q4_K | [`SuperBlock<FourBits>`] | 4.6 | yes |
//! | Q5_K | [`SuperBlock<FiveBits>`] | 5.6 | yes |
//! | Q6_K | [`SixBitSuperBlock`] | 6.6 | yes |
//! | F16, BF16, F32 | numbers | as in the file | yes |

mod input;
mod pack;
mod pack_k;
mod product;
mod super_blocks;
#[cfg(test)]
mod tests;
mod tiled;
mod tiles;

use half::{bf16, f16};

pub(crate) use input::{Forms, Input, InputRow};
pub(crate) use product::{Mode, Product, multiply};

use crate::simd::{LANES, Lanes, Simd};
use super_blocks::{FiveBits, FourBits, SixBitSuperBlock, SuperBlock};
use tiled::Tiled;
use tiles::{ByteBlock, NibbleBlock};

/// A matrix of weights: `outputs` rows of `inputs` columns.
#[derive(Debug)]
pub(crate) struct Linear {
    outputs: usize,
    weights: Form,
    /// What is added to the outputs, filled up to whole tiles.
    bias: Option<Vec<Lanes<f32>>>,
}

#[derive(Debug)]
enum Form {
    Nibbles(Tiled<NibbleBlock>),
    Bytes(Tiled<ByteBlock>),
    F32(Tiled<Lanes<f32>>),
    F16(Tiled<Lanes<f16>>),
    Bf16(Tiled<Lanes<bf16>>),
    FourBits(Tiled<SuperBlock<FourBits>>),
    FiveBits(Tiled<SuperBlock<FiveBits>>),
    SixBits(Tiled<SixBitSuperBlock>),
}

impl Linear {
    /// Numbers in a row of the result.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// In which forms it reads its activations.
    pub(crate) fn forms(&self) -> Forms {
        Forms {
            blocks: !matches!(self.weights, Form::F32(_) | Form::F16(_) | Form::Bf16(_)),
        }
    }

    fn tiles(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    fn bias(&self, tile: usize) -> Option<&Lanes<f32>> {
        self.bias.as_ref().map(|bias| &bias[tile])
    }

    #[inline(always)]
    fn multiply_tile<S: Simd>(
        &self,
        simd: S,
        tile: usize,
        rows: &[InputRow],
        emit: impl FnMut(usize, &Lanes<f32>),
    ) {
        match &self.weights {
            Form::Nibbles(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::Bytes(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::F32(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::F16(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::Bf16(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::FourBits(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::FiveBits(tiles) => tiles.multiply(simd, tile, rows, emit),
            Form::SixBits(tiles) => tiles.multiply(simd, tile, rows, emit),
        }
    }
}
