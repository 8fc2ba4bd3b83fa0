//! The left side of a matrix product: rows of activations, in the forms that weights ask for.

use crate::pool::Pool;
use crate::simd::{InstructionSet, Kernel, Simd};

/// Numbers in a [`Block`], as in the weights' formats.
pub(crate) const BLOCK: usize = 32;
/// How much higher a 6-bit weight is stored.
pub(crate) const OFFSET: i32 = 32;
/// Blocks with no larger magnitude than this count as zeros, so that no inverse is infinite.
const SMALLEST: f32 = 1e-30;
/// Fewer rows than this are not worth a second thread.
const LEAST_ROWS: usize = 8;

/// 32 activations as signed bytes with one scale: the value is `scale * byte`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// The bytes, −127 to 127, four to an integer, the first one lowest.
    pub(crate) bytes: [i32; BLOCK / 4],
    /// 1/127 of the largest magnitude; NaN where a value is not finite.
    pub(crate) scale: f32,
    /// `scale` times the sum of the bytes.
    pub(crate) scaled_sum: f32,
    /// −32 times the sum of the bytes of either half: what 6-bit weights, which are stored 32
    /// too high, make too much.
    pub(crate) offsets: [i32; 2],
}

impl Block {
    const ZERO: Self = Self {
        bytes: [0; BLOCK / 4],
        scale: 0.0,
        scaled_sum: 0.0,
        offsets: [0; 2],
    };
}

/// In which forms a row is read, besides as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Forms {
    /// As [`Block`]s, by quantised weights.
    pub(crate) blocks: bool,
}

impl Forms {
    /// Whatever either reads.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            blocks: self.blocks || other.blocks,
        }
    }
}

/// One row of activations.
#[derive(Debug, Clone)]
pub(crate) struct InputRow {
    pub(crate) values: Vec<f32>,
    pub(crate) blocks: Vec<Block>,
}

impl InputRow {
    pub(crate) fn new(width: usize, forms: Forms) -> Self {
        let blocks = if forms.blocks { width / BLOCK } else { 0 };
        Self {
            values: vec![0.0; width],
            blocks: vec![Block::ZERO; blocks],
        }
    }

    /// Brings the other form up to date with `values`.
    pub(crate) fn encode(&mut self, set: InstructionSet) {
        set.run(Quantize {
            values: &self.values,
            blocks: &mut self.blocks,
        });
    }
}

/// The rows of one step.
#[derive(Debug)]
pub(crate) struct Input {
    rows: Vec<InputRow>,
}

impl Input {
    /// Room for `rows` rows.
    pub(crate) fn new(rows: usize, width: usize, forms: Forms) -> Self {
        Self {
            rows: vec![InputRow::new(width, forms); rows],
        }
    }

    /// Lets `write` fill the first `count` rows, and gives them in every form.
    pub(crate) fn fill(
        &mut self,
        pool: &mut Pool,
        set: InstructionSet,
        count: usize,
        write: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &[InputRow] {
        let rows = &mut self.rows[..count];
        pool.for_each(rows, LEAST_ROWS, |index, row| {
            write(index, &mut row.values);
            row.encode(set);
        });
        rows
    }
}

/// Rounds values to bytes.
struct Quantize<'a> {
    values: &'a [f32],
    blocks: &'a mut [Block],
}

impl Kernel for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (values, _) = self.values.as_chunks();
        for (block, values) in self.blocks.iter_mut().zip(values) {
            *block = quantize(values);
        }
    }
}

#[inline(always)]
fn quantize(values: &[f32; BLOCK]) -> Block {
    // Magnitudes compare as integers do, and whatever is not finite is above all numbers.
    let magnitude = |x: &f32| x.to_bits() & 0x7fff_ffff;
    let largest = f32::from_bits(values.iter().map(magnitude).fold(0, u32::max));
    if !largest.is_finite() {
        let (scale, scaled_sum) = (f32::NAN, f32::NAN);
        return Block {
            scale,
            scaled_sum,
            ..Block::ZERO
        };
    }
    if largest < SMALLEST {
        return Block::ZERO;
    }
    let inverse = 127.0 / largest;
    let bytes = values.map(|x| round(x * inverse));
    let (halves, _) = bytes.as_chunks::<{ BLOCK / 2 }>();
    let sum = |half: &[i8]| half.iter().map(|&byte| i32::from(byte)).sum::<i32>();
    let sums = [sum(&halves[0]), sum(&halves[1])];
    let scale = largest / 127.0;
    Block {
        bytes: pack(bytes),
        scale,
        scaled_sum: scale * (sums[0] + sums[1]) as f32,
        offsets: sums.map(|sum| -OFFSET * sum),
    }
}

/// The nearest integer, halves to even, of a small number: added to 1.5 · 2²³, a number has
/// its integer part in its lowest bits.
#[inline(always)]
fn round(x: f32) -> i8 {
    (x + 12_582_912.0).to_bits() as i8
}

#[inline(always)]
fn pack(bytes: [i8; BLOCK]) -> [i32; BLOCK / 4] {
    let (fours, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|i| i32::from_le_bytes(fours[i].map(i8::cast_unsigned)))
}
