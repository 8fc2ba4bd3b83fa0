//! Super-blocks, packed as from a file, against candle's own reading of the same bytes.

use candle_core::quantized::k_quants::{BlockQ4K, BlockQ5K, BlockQ6K, GgmlType};

use super::*;
use crate::linear::super_blocks::SUPER_BLOCK;

type FourBitBlock = SuperBlock<FourBits>;
type FiveBitBlock = SuperBlock<FiveBits>;

/// Super-blocks in a row.
const LENGTHS: [usize; 2] = [1, 3];
/// A row count that takes groups of 8, 4, 2 and 1 rows.
const MOST_ROWS: usize = 15;

/// The bytes of a row's block. Their scales of scales, at `halves`, are numbers.
fn block<const BYTES: usize>(output: usize, index: usize, halves: &[usize]) -> [u8; BYTES] {
    let mut block = std::array::from_fn(|i| byte(output, index * BYTES + i));
    for &at in halves {
        let number = f16::from_f32(noise(at, output * 9 + index));
        block[at..at + 2].copy_from_slice(&number.to_le_bytes());
    }
    block
}

fn q4_k(output: usize, index: usize) -> [u8; 144] {
    block(output, index, &[0, 2])
}

fn q5_k(output: usize, index: usize) -> [u8; 176] {
    block(output, index, &[0, 2])
}

fn q6_k(output: usize, index: usize) -> [u8; 210] {
    block(output, index, &[208])
}

/// Tiles of parts into which `set` puts each row's block; rows beyond the last stay empty.
fn packed<P: TilePart + Clone, B>(
    blocks: usize,
    zero: &P,
    block: impl Fn(usize, usize) -> B + Sync,
    set: impl Fn(&mut P, usize, &B) + Sync,
) -> Tiled<P> {
    tiled(blocks, |tile, index| {
        let mut part = zero.clone();
        for lane in 0..LANES.min(OUTPUTS - tile * LANES) {
            set(&mut part, lane, &block(tile * LANES + lane, index));
        }
        part
    })
}

fn four_bits(blocks: usize) -> Linear {
    let tiles = packed(blocks, &FourBitBlock::ZERO, q4_k, FourBitBlock::set);
    linear(Form::FourBits(tiles))
}

fn five_bits(blocks: usize) -> Linear {
    let tiles = packed(blocks, &FiveBitBlock::ZERO, q5_k, FiveBitBlock::set);
    linear(Form::FiveBits(tiles))
}

fn six_bits(blocks: usize) -> Linear {
    let tiles = packed(blocks, &SixBitSuperBlock::ZERO, q6_k, SixBitSuperBlock::set);
    linear(Form::SixBits(tiles))
}

/// The weights of every output, as candle dequantises them.
fn weights<T: GgmlType, const BYTES: usize>(
    blocks: usize,
    block: impl Fn(usize, usize) -> [u8; BYTES],
) -> Vec<Vec<f32>> {
    assert_eq!(size_of::<T>(), BYTES);
    let row = |output| {
        let mut found = vec![0.0; blocks * SUPER_BLOCK];
        for (index, values) in found.chunks_mut(SUPER_BLOCK).enumerate() {
            let mut read = T::zeros();
            // SAFETY: a block is plain integers, for which any bytes will do, of this length.
            unsafe {
                let to = (&raw mut read).cast::<u8>();
                std::ptr::copy_nonoverlapping(block(output, index).as_ptr(), to, BYTES);
            }
            T::to_float(&[read], values);
        }
        found
    };
    (0..OUTPUTS).map(row).collect()
}

#[test]
fn four_bit_super_blocks_multiply() {
    for blocks in LENGTHS {
        let exact = weights::<BlockQ4K, 144>(blocks, q4_k);
        let weight = |output: usize, column: usize| f64::from(exact[output][column]);
        check(&four_bits(blocks), blocks * SUPER_BLOCK, weight, as_bytes);
    }
}

#[test]
fn five_bit_super_blocks_multiply() {
    for blocks in LENGTHS {
        let exact = weights::<BlockQ5K, 176>(blocks, q5_k);
        let weight = |output: usize, column: usize| f64::from(exact[output][column]);
        check(&five_bits(blocks), blocks * SUPER_BLOCK, weight, as_bytes);
    }
}

#[test]
fn six_bit_super_blocks_multiply() {
    for blocks in LENGTHS {
        let exact = weights::<BlockQ6K, 210>(blocks, q6_k);
        let weight = |output: usize, column: usize| f64::from(exact[output][column]);
        check(&six_bits(blocks), blocks * SUPER_BLOCK, weight, as_bytes);
    }
}

/// The products of the first rows alone are those that they have among all.
#[test]
fn a_product_does_not_depend_on_the_rows_beside_it() {
    let mut pool = Pool::new(1).unwrap();
    for linear in [four_bits(3), five_bits(3), six_bits(3)] {
        for set in InstructionSet::available() {
            let mut input = Input::new(MOST_ROWS, 3 * SUPER_BLOCK, linear.forms());
            let mut of = |count: usize| {
                let write = |row: usize, out: &mut [f32]| {
                    let numbers = (0..).map(|i| noise(row, i));
                    out.iter_mut().zip(numbers).for_each(|(to, x)| *to = x);
                };
                let rows = input.fill(&mut pool, set, count, write);
                let mut out = Matrix::new(count, OUTPUTS);
                let product = Product {
                    weights: &linear,
                    column: 0,
                };
                multiply(&mut pool, set, rows, &[product], &mut out, Mode::Store);
                out.head_mut(count).to_vec()
            };
            let all = of(MOST_ROWS);
            for count in 1..MOST_ROWS {
                assert!(of(count) == all[..count * OUTPUTS], "{count} rows, {set}");
            }
        }
    }
}
