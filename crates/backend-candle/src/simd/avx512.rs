//! Sixteen lanes with AVX-512 and VNNI.

use std::arch::x86_64::*;

use super::x86::prefetch;
use super::{Kernel, Lanes, Simd};

/// A CPU with AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        has.then_some(Self(()))
    }

    /// Runs a kernel compiled for these instructions.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { with_features(self, kernel) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn with_features<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
    kernel.run(simd)
}

/// Calls intrinsics that take and give values only.
macro_rules! intrinsic {
    ($call:expr) => {
        // SAFETY: the instructions need CPU features only, and an `Avx512` exists only where
        // `Avx512::detect` found them.
        unsafe { $call }
    };
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    const WEIGHT_OFFSET: i32 = 128;

    #[inline(always)]
    fn prefetch(self, first: *const u8, bytes: usize) {
        prefetch(first, bytes);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        intrinsic!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, from: &Lanes<f32>) -> Self::F {
        // SAFETY: the features are there (see `Avx512`), and 64 bytes are read of 64.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn load_f16(self, from: &Lanes<u16>) -> Self::F {
        // SAFETY: the features are there (see `Avx512`), and 32 bytes are read of 32.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_bf16(self, from: &Lanes<u16>) -> Self::F {
        // SAFETY: the features are there (see `Avx512`), and 32 bytes are read of 32.
        let wide = unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) };
        intrinsic!(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
    }
    #[inline(always)]
    fn load_bytes(self, from: &Lanes<u8>) -> Self::F {
        // SAFETY: the features are there (see `Avx512`), and 16 bytes are read of 16.
        let wide = unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast())) };
        self.int_to_float(wide)
    }
    #[inline(always)]
    fn load_signed_bytes(self, from: &Lanes<i8>) -> Self::F {
        // SAFETY: the features are there (see `Avx512`), and 16 bytes are read of 16.
        let wide = unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())) };
        self.int_to_float(wide)
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut Lanes<f32>) {
        // SAFETY: the features are there (see `Avx512`), and 64 bytes are written of 64.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsic!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        intrinsic!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn splat_int(self, x: i32) -> Self::I {
        intrinsic!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn load_int(self, from: &Lanes<u32>) -> Self::I {
        // SAFETY: the features are there (see `Avx512`), and 64 bytes are read of 64.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn int_to_float(self, x: Self::I) -> Self::F {
        intrinsic!(_mm512_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn low_nibbles(self, x: Self::I) -> Self::I {
        intrinsic!(_mm512_and_si512(x, _mm512_set1_epi32(0x0f0f_0f0f)))
    }
    #[inline(always)]
    fn high_nibbles(self, x: Self::I) -> Self::I {
        self.low_nibbles(intrinsic!(_mm512_srli_epi16::<4>(x)))
    }
    #[inline(always)]
    fn shift_left(self, x: Self::I, by: i32) -> Self::I {
        intrinsic!(_mm512_sll_epi32(x, _mm_cvtsi32_si128(by)))
    }
    #[inline(always)]
    fn shift_right(self, x: Self::I, by: i32) -> Self::I {
        intrinsic!(_mm512_srl_epi32(x, _mm_cvtsi32_si128(by)))
    }
    #[inline(always)]
    fn join(self, low: Self::I, high: Self::I, mask: u8) -> Self::I {
        let mask = self.splat_int(i32::from_le_bytes([mask; 4]));
        intrinsic!(_mm512_or_si512(low, _mm512_and_si512(high, mask)))
    }
    #[inline(always)]
    fn dot_small(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I {
        intrinsic!(_mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(x)))
    }
    #[inline(always)]
    fn dot_bytes(self, sum: Self::I, weights: Self::I, x: i32) -> Self::I {
        self.dot_small(sum, weights, x)
    }
}
