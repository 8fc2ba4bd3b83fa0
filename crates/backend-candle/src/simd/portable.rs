//! Sixteen lanes in plain Rust.

use half::f16;

use super::{LANES, Lanes, Simd};

/// Lanes as arrays, for the compiler to vectorise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn lanewise<A: Copy, B: Copy, C>(a: Lanes<A>, b: Lanes<B>, f: impl Fn(A, B) -> C) -> Lanes<C> {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// The sum of four products of bytes.
#[inline(always)]
fn dot4(weights: [i32; 4], x: i32) -> i32 {
    let x = x.to_le_bytes();
    (0..4).map(|i| weights[i] * i32::from(x[i] as i8)).sum()
}

impl Simd for Portable {
    type F = Lanes<f32>;
    type I = Lanes<i32>;
    const WEIGHT_OFFSET: i32 = 0;

    #[inline(always)]
    fn prefetch(self, _: *const u8, _: usize) {}
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Self::F {
        *from
    }
    #[inline(always)]
    fn load_f16(self, from: &Lanes<u16>) -> Self::F {
        from.map(|bits| f16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<u16>) -> Self::F {
        from.map(|bits| f32::from_bits(u32::from(bits) << 16))
    }
    #[inline(always)]
    fn load_bytes(self, from: &Lanes<u8>) -> Self::F {
        from.map(f32::from)
    }
    #[inline(always)]
    fn load_signed_bytes(self, from: &Lanes<i8>) -> Self::F {
        from.map(f32::from)
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut Lanes<f32>) {
        *to = x;
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        lanewise(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }

    #[inline(always)]
    fn splat_int(self, x: i32) -> Self::I {
        [x; LANES]
    }
    #[inline(always)]
    fn load_int(self, from: &Lanes<u32>) -> Self::I {
        from.map(u32::cast_signed)
    }
    #[inline(always)]
    fn int_to_float(self, x: Self::I) -> Self::F {
        x.map(|x| x as f32)
    }
    #[inline(always)]
    fn low_nibbles(self, x: Self::I) -> Self::I {
        x.map(|x| x & 0x0f0f_0f0f)
    }
    #[inline(always)]
    fn high_nibbles(self, x: Self::I) -> Self::I {
        x.map(|x| (x >> 4) & 0x0f0f_0f0f)
    }
    #[inline(always)]
    fn shift_left(self, x: Self::I, by: i32) -> Self::I {
        x.map(|x| x << by)
    }
    #[inline(always)]
    fn shift_right(self, x: Self::I, by: i32) -> Self::I {
        x.map(|x| (x.cast_unsigned() >> by).cast_signed())
    }
    #[inline(always)]
    fn join(self, low: Self::I, high: Self::I, mask: u8) -> Self::I {
        let mask = i32::from_le_bytes([mask; 4]);
        lanewise(low, high, |low, high| low | high & mask)
    }
    #[inline(always)]
    fn dot_small(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I {
        lanewise(sum, weights, |sum, w| {
            sum + dot4(w.to_le_bytes().map(i32::from), x)
        })
    }
    #[inline(always)]
    fn dot_bytes(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I {
        lanewise(sum, weights, |sum, w| {
            sum + dot4(w.to_le_bytes().map(|b| i32::from(b) - 128), x)
        })
    }
}
