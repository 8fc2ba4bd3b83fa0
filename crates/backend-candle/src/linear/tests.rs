//! Products of tiles with rows of activations against the same sums in `f64`.

mod super_blocks;

use half::{bf16, f16};

use super::input::{BLOCK, Block};
use super::tiles::TilePart;
use super::*;
use crate::matrix::Matrix;
use crate::noise::noise;
use crate::pool::Pool;
use crate::simd::{InstructionSet, Number};

/// Fills two tiles and a part of a third.
const OUTPUTS: usize = 37;
/// A row count that takes groups of 8, 2 and 1 rows.
const ROWS: usize = 11;

/// Tiles made by `part` from the number of a tile and the index of the part.
fn tiled<P: TilePart>(parts: usize, part: impl Fn(usize, usize) -> P + Sync) -> Tiled<P> {
    let part = &part;
    Tiled::build(
        &mut Pool::new(1).unwrap(),
        OUTPUTS.div_ceil(LANES),
        parts,
        |tile| (0..parts).map(move |index| part(tile, index)),
    )
}

fn linear(weights: Form) -> Linear {
    Linear {
        outputs: OUTPUTS,
        weights,
        bias: None,
    }
}

/// Every row's products on every instruction set, which must agree, and the rows.
fn products(linear: &Linear, columns: usize, mode: Mode) -> (Vec<f32>, Vec<InputRow>) {
    let mut pool = Pool::new(2).unwrap();
    let mut wanted: Option<Vec<f32>> = None;
    let mut input = Input::new(ROWS, columns, linear.forms());
    for set in InstructionSet::available() {
        let mut out = Matrix::new(ROWS, OUTPUTS + 3);
        out.head_mut(ROWS).fill(0.5);
        let write = |row: usize, out: &mut [f32]| {
            let numbers = (0..).map(|i| noise(row, i) * (row + 1) as f32);
            out.iter_mut().zip(numbers).for_each(|(to, x)| *to = x);
        };
        let rows = input.fill(&mut pool, set, ROWS, write);
        let product = Product {
            weights: linear,
            column: 2,
        };
        multiply(&mut pool, set, rows, &[product], &mut out, mode);
        let found = out.head_mut(ROWS).to_vec();
        assert_eq!(*wanted.get_or_insert(found.clone()), found, "{set}");
    }
    let rows = input.fill(&mut pool, InstructionSet::Portable, ROWS, |_, _| {});
    (wanted.expect("an instruction set"), rows.to_vec())
}

/// Checks every output against a sum of `weight(output, column)` times what the row holds, as
/// `activation` reads it, and that nothing beside the outputs was touched.
fn check(
    linear: &Linear,
    columns: usize,
    weight: impl Fn(usize, usize) -> f64,
    activation: impl Fn(&InputRow, usize) -> f64,
) {
    let (found, rows) = products(linear, columns, Mode::Store);
    for (found, row) in found.chunks(OUTPUTS + 3).zip(&rows) {
        assert_eq!([found[0], found[1], found[OUTPUTS + 2]], [0.5; 3]);
        for (output, found) in found[2..][..OUTPUTS].iter().enumerate() {
            let terms = (0..columns).map(|c| weight(output, c) * activation(row, c));
            let terms: Vec<f64> = terms.collect();
            let exact: f64 = terms.iter().sum();
            let size: f64 = terms.iter().map(|x| x.abs()).sum();
            let error = (f64::from(*found) - exact).abs();
            assert!(
                error <= 1e-6 * size,
                "output {output}: {found}, not {exact}"
            );
        }
    }
}

fn check_numbers<N: Number>(form: impl Fn(Tiled<Lanes<N>>) -> Form, widen: impl Fn(N) -> f64) {
    let number = |output: usize, column: usize| N::narrow(noise(output, column));
    for columns in [1, 33, 70] {
        let part = |tile, index| std::array::from_fn(|lane| number(tile * LANES + lane, index));
        let linear = linear(form(tiled(columns, part)));
        let plain = |row: &InputRow, c: usize| f64::from(row.values[c]);
        check(&linear, columns, |o, c| widen(number(o, c)), plain);
    }
}

#[test]
fn numbers_of_every_width_multiply() {
    check_numbers::<f32>(Form::F32, f64::from);
    check_numbers::<f16>(Form::F16, f64::from);
    check_numbers::<bf16>(Form::Bf16, f64::from);
}

/// A row as its bytes stand for it.
fn as_bytes(row: &InputRow, column: usize) -> f64 {
    let block: &Block = &row.blocks[column / BLOCK];
    let four = block.bytes[column % BLOCK / 4].to_le_bytes();
    f64::from(block.scale) * f64::from(four[column % 4] as i8)
}

/// Bytes that look random.
fn byte(seed: usize, i: usize) -> u8 {
    (noise(seed + 99, i).to_bits() >> 3) as u8
}

fn four(bytes: impl Fn(usize) -> u8) -> u32 {
    u32::from_le_bytes(std::array::from_fn(bytes))
}

#[test]
fn nibbles_multiply() {
    let scale = |output: usize, block: usize| f16::from_f32(noise(7, output * 9 + block));
    let min = |output: usize, block: usize| f16::from_f32(noise(8, output * 9 + block));
    let nibbles = |tile: usize, block: usize| {
        let lane = |lane: usize| tile * LANES + lane;
        let of = |p: usize, o: usize| four(|i| byte(o, block * 16 + 4 * p + i));
        NibbleBlock {
            bits: std::array::from_fn(|p| std::array::from_fn(|l| of(p, lane(l)))),
            scale: std::array::from_fn(|l| scale(lane(l), block).to_bits()),
            min: std::array::from_fn(|l| min(lane(l), block).to_bits()),
        }
    };
    let weight = |output: usize, column: usize| {
        let (block, c) = (column / BLOCK, column % BLOCK);
        let both = byte(output, block * 16 + c % 16);
        let nibble = if c < 16 { both & 15 } else { both >> 4 };
        f64::from(scale(output, block)) * f64::from(nibble) + f64::from(min(output, block))
    };
    for blocks in [1, 3] {
        let linear = linear(Form::Nibbles(tiled(blocks, nibbles)));
        check(&linear, blocks * BLOCK, weight, as_bytes);
    }
}

#[test]
fn bytes_multiply() {
    let scale = |output: usize, block: usize| noise(7, output * 9 + block);
    let bytes = |tile: usize, block: usize| {
        let lane = |lane: usize| tile * LANES + lane;
        let of = |p: usize, o: usize| four(|i| byte(o, block * BLOCK + 4 * p + i));
        ByteBlock {
            bytes: std::array::from_fn(|p| std::array::from_fn(|l| of(p, lane(l)))),
            scale: std::array::from_fn(|l| scale(lane(l), block)),
        }
    };
    let weight = |output: usize, column: usize| {
        let stored = f64::from(byte(output, column));
        f64::from(scale(output, column / BLOCK)) * (stored - 128.0)
    };
    for blocks in [1, 3] {
        let linear = linear(Form::Bytes(tiled(blocks, bytes)));
        check(&linear, blocks * BLOCK, weight, as_bytes);
    }
}

#[test]
fn a_bias_is_added_once_to_every_output() {
    let part = |tile, index| std::array::from_fn(|lane| noise(tile, index * LANES + lane));
    let plain = linear(Form::F32(tiled(20, part)));
    let bias: Vec<f32> = (0..OUTPUTS).map(|i| noise(5, i)).collect();
    let biased = linear(Form::F32(tiled(20, part))).with_bias(&bias);
    for mode in [Mode::Store, Mode::Add] {
        let (plain, _) = products(&plain, 20, mode);
        let (biased, _) = products(&biased, 20, mode);
        let rows = plain.chunks(OUTPUTS + 3).zip(biased.chunks(OUTPUTS + 3));
        for (plain, biased) in rows {
            for (i, bias) in bias.iter().enumerate() {
                let difference = biased[i + 2] - plain[i + 2] - bias;
                assert!(difference.abs() < 1e-5, "output {i}, {mode:?}");
            }
        }
    }
}

#[test]
fn activations_are_rounded_to_the_nearest_byte() {
    let mut row = InputRow::new(4 * BLOCK, Forms { blocks: true });
    for (i, value) in row.values.iter_mut().enumerate() {
        *value = noise(3, i) * [1.0, 1e-20, 1e-35, 1e30][i / BLOCK];
    }
    row.encode(InstructionSet::detect());
    for (i, value) in row.values.iter().enumerate() {
        let scale = f64::from(row.blocks[i / BLOCK].scale);
        let error = (as_bytes(&row, i) - f64::from(*value)).abs();
        // Magnitudes below 1e-30 count as zeros.
        assert!(error <= scale * 0.50001 || (scale == 0.0 && value.abs() < 1e-30));
    }
    for bad in [f32::NAN, f32::INFINITY] {
        row.values[40] = bad;
        row.encode(InstructionSet::detect());
        let finite = row.blocks.iter().map(|block| block.scale.is_finite());
        assert_eq!(finite.collect::<Vec<_>>(), [true, false, true, true]);
    }
}
