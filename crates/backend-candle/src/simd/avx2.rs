//! Sixteen lanes as two vectors of eight, with AVX2, FMA and F16C.

use std::arch::x86_64::*;

use super::x86::prefetch;
use super::{Kernel, Lanes, Simd};

/// A CPU with AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        has.then_some(Self(()))
    }

    /// Runs a kernel compiled for these instructions.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { with_features(self, kernel) }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn with_features<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
    kernel.run(simd)
}

/// Calls intrinsics that take and give values only, for each half.
macro_rules! halves {
    ($($name:ident),+ => $call:expr) => {{
        // SAFETY: the instructions need CPU features only, and an `Avx2` exists only where
        // `Avx2::detect` found them.
        [0, 1].map(|half| unsafe { $(let $name = $name[half];)+ $call })
    }};
}

/// The same value twice.
macro_rules! both {
    ($call:expr) => {
        // SAFETY: as in `halves`.
        [unsafe { $call }; 2]
    };
}

impl Simd for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    const WEIGHT_OFFSET: i32 = 0;

    #[inline(always)]
    fn prefetch(self, first: *const u8, bytes: usize) {
        prefetch(first, bytes);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        both!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Self::F {
        // SAFETY: the features are there (see `Avx2`), and each half reads 32 bytes of 64.
        [0, 8].map(|at| unsafe { _mm256_loadu_ps(from.as_ptr().add(at)) })
    }
    #[inline(always)]
    fn load_f16(self, from: &Lanes<u16>) -> Self::F {
        // SAFETY: the features are there (see `Avx2`), and each half reads 16 bytes of 32.
        [0, 8].map(|at| unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().add(at).cast())) })
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<u16>) -> Self::F {
        // SAFETY: the features are there (see `Avx2`), and each half reads 16 bytes of 32.
        [0, 8].map(|at| unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().add(at).cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        })
    }
    #[inline(always)]
    fn load_bytes(self, from: &Lanes<u8>) -> Self::F {
        // SAFETY: the features are there (see `Avx2`), and each half reads 8 bytes of 16.
        [0, 8].map(|at| unsafe {
            let bytes = _mm_loadl_epi64(from.as_ptr().add(at).cast());
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))
        })
    }
    #[inline(always)]
    fn load_signed_bytes(self, from: &Lanes<i8>) -> Self::F {
        // SAFETY: the features are there (see `Avx2`), and each half reads 8 bytes of 16.
        [0, 8].map(|at| unsafe {
            let bytes = _mm_loadl_epi64(from.as_ptr().add(at).cast());
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
        })
    }
    #[inline(always)]
    fn store(self, [low, high]: Self::F, to: &mut Lanes<f32>) {
        // SAFETY: the features are there (see `Avx2`), and each half writes 32 bytes of 64.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), low);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), high);
        }
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(a, b => _mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        halves!(a, b, c => _mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn splat_int(self, x: i32) -> Self::I {
        both!(_mm256_set1_epi32(x))
    }
    #[inline(always)]
    fn load_int(self, from: &Lanes<u32>) -> Self::I {
        // SAFETY: the features are there (see `Avx2`), and each half reads 32 bytes of 64.
        [0, 8].map(|at| unsafe { _mm256_loadu_si256(from.as_ptr().add(at).cast()) })
    }
    #[inline(always)]
    fn int_to_float(self, x: Self::I) -> Self::F {
        halves!(x => _mm256_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn low_nibbles(self, x: Self::I) -> Self::I {
        halves!(x => _mm256_and_si256(x, _mm256_set1_epi32(0x0f0f_0f0f)))
    }
    #[inline(always)]
    fn high_nibbles(self, x: Self::I) -> Self::I {
        self.low_nibbles(halves!(x => _mm256_srli_epi16::<4>(x)))
    }
    #[inline(always)]
    fn shift_left(self, x: Self::I, by: i32) -> Self::I {
        halves!(x => _mm256_sll_epi32(x, _mm_cvtsi32_si128(by)))
    }
    #[inline(always)]
    fn shift_right(self, x: Self::I, by: i32) -> Self::I {
        halves!(x => _mm256_srl_epi32(x, _mm_cvtsi32_si128(by)))
    }
    #[inline(always)]
    fn join(self, low: Self::I, high: Self::I, mask: u8) -> Self::I {
        let mask = self.splat_int(i32::from_le_bytes([mask; 4]));
        halves!(low, high, mask => _mm256_or_si256(low, _mm256_and_si256(high, mask)))
    }
    #[inline(always)]
    fn dot_small(self, sum: Self::I, w: Self::I, x: i32) -> Self::I {
        let x = self.splat_int(x);
        // Two products are at most 2 · 127 · 127 and fit 16 bits.
        halves!(sum, w, x => add_pairs(sum, _mm256_maddubs_epi16(w, x)))
    }
    #[inline(always)]
    fn dot_bytes(self, sum: Self::I, w: Self::I, x: i32) -> Self::I {
        let x = self.splat_int(x);
        // The weight's sign moves to the activation, so that the weight is unsigned and two
        // products, at most 2 · 128 · 127, fit 16 bits.
        halves!(sum, w, x => {
            let w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
            let signed = _mm256_sign_epi8(x, w);
            add_pairs(sum, _mm256_maddubs_epi16(_mm256_abs_epi8(w), signed))
        })
    }
}

/// Adds to each integer the sum of its pair of 16-bit integers.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn add_pairs(sum: __m256i, pairs: __m256i) -> __m256i {
    // SAFETY: the caller says that the CPU has AVX2.
    unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))) }
}
