//! What x86-64 CPUs may have.

use std::arch::x86_64::{
    __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

use super::{Kernel, LANES, MultiplyAdd};

/// Rounds once, with AVX2.
struct Fused256;

/// Rounds once, with AVX-512.
struct Fused512;

impl MultiplyAdd for Fused256 {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    type Vector = [__m256; 2];

    #[inline(always)]
    fn splat(x: f32) -> Self::Vector {
        // SAFETY: only `avx2` makes this type known, to what runs where the CPU has AVX2.
        [unsafe { _mm256_set1_ps(x) }; 2]
    }

    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self::Vector {
        let (low, high) = (x.as_ptr(), x[LANES / 2..].as_ptr());
        // SAFETY: as in `splat`; eight numbers follow each pointer.
        unsafe { [_mm256_loadu_ps(low), _mm256_loadu_ps(high)] }
    }

    #[inline(always)]
    fn store(x: Self::Vector, to: &mut [f32; LANES]) {
        let (low, high) = to.split_at_mut(LANES / 2);
        // SAFETY: as in `splat`; each half has room for eight numbers.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(high.as_mut_ptr(), x[1]);
        }
    }

    #[inline(always)]
    fn multiply_add_all(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // SAFETY: as in `splat`.
        unsafe {
            [
                _mm256_fmadd_ps(a[0], b[0], c[0]),
                _mm256_fmadd_ps(a[1], b[1], c[1]),
            ]
        }
    }
}

impl MultiplyAdd for Fused512 {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    type Vector = __m512;

    #[inline(always)]
    fn splat(x: f32) -> Self::Vector {
        // SAFETY: only `avx512` makes this type known, to what runs where the CPU has AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self::Vector {
        // SAFETY: as in `splat`; 16 numbers follow the pointer.
        unsafe { _mm512_loadu_ps(x.as_ptr()) }
    }

    #[inline(always)]
    fn store(x: Self::Vector, to: &mut [f32; LANES]) {
        // SAFETY: as in `splat`; there is room for 16 numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn multiply_add_all(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // SAFETY: as in `splat`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused256>()
}

#[target_feature(enable = "avx512f,avx2,fma")]
pub(super) fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused512>()
}
