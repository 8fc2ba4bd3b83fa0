//! Sixteen lanes of arithmetic, one implementation for each kind of CPU.
//!
//! A kernel is written once, generic over [`Simd`], and run with [`InstructionSet::run`]. Every
//! implementation does the same operations on each lane in the same order, a multiply-add with
//! one rounding included, so a kernel gives the same bits on every CPU.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod instruction_set;
mod number;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use instruction_set::InstructionSet;
pub(crate) use number::Number;
pub(crate) use portable::Portable;

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// One of each lane.
pub(crate) type Lanes<T> = [T; LANES];

/// Vectors of 16 lanes. A value of the implementing type is the proof that this CPU can do it.
pub(crate) trait Simd: Copy + Send + Sync {
    /// 16 numbers.
    type F: Copy;
    /// 16 integers, or 64 bytes.
    type I: Copy;
    /// What [`dot_bytes`](Self::dot_bytes) adds to each weight, so that its result is too large
    /// by this times the sum of the four activations.
    const WEIGHT_OFFSET: i32;

    /// Asks for memory that will be read soon, if it is memory at all.
    fn prefetch(self, first: *const u8, bytes: usize);

    /// The same number in each lane.
    fn splat(self, x: f32) -> Self::F;
    /// 16 numbers from memory.
    fn load(self, from: &Lanes<f32>) -> Self::F;
    /// 16 half-precision numbers, given by their bits.
    fn load_f16(self, from: &Lanes<u16>) -> Self::F;
    /// 16 numbers in bfloat16, the upper half of their bits.
    fn load_bf16(self, from: &Lanes<u16>) -> Self::F;
    /// 16 unsigned bytes from memory, as numbers.
    fn load_bytes(self, from: &Lanes<u8>) -> Self::F;
    /// 16 signed bytes from memory, as numbers.
    fn load_signed_bytes(self, from: &Lanes<i8>) -> Self::F;
    /// 16 numbers to memory.
    fn store(self, x: Self::F, to: &mut Lanes<f32>);
    /// `a * b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;

    /// The same integer in each lane.
    fn splat_int(self, x: i32) -> Self::I;
    /// 16 integers, or 64 bytes, from memory.
    fn load_int(self, from: &Lanes<u32>) -> Self::I;
    /// Each integer as a number.
    fn int_to_float(self, x: Self::I) -> Self::F;
    /// The lower four bits of each byte.
    fn low_nibbles(self, x: Self::I) -> Self::I;
    /// The upper four bits of each byte.
    fn high_nibbles(self, x: Self::I) -> Self::I;
    /// Each integer's bits moved up by `by`.
    fn shift_left(self, x: Self::I, by: i32) -> Self::I;
    /// Each integer's bits moved down by `by`.
    fn shift_right(self, x: Self::I, by: i32) -> Self::I;
    /// The bits of `low`, and those of `high` that `mask` has in each byte.
    fn join(self, low: Self::I, high: Self::I, mask: u8) -> Self::I;
    /// Adds to each lane the products of its four weights, 0 to 127, with the four signed bytes
    /// of `x`, the same for all lanes. No byte of `x` may be −128.
    fn dot_small(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I;
    /// As [`dot_small`](Self::dot_small) with weights of −128 to 127, each stored 128 higher as
    /// an unsigned byte. See [`Self::WEIGHT_OFFSET`].
    fn dot_bytes(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I;
}

/// A computation that is compiled for each instruction set.
pub(crate) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Implementations are `#[inline(always)]`, or else they are compiled without
    /// the instruction set.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// The sum of the lanes, by halving: lane `i` with lane `i + 8`, then `i + 4`, and so on.
pub(crate) fn sum(mut x: Lanes<f32>) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            x[i] += x[i + half];
        }
    }
    x[0]
}
