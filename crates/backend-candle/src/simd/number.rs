//! Numbers as they are stored, and widened to `f32` to be computed with.

use half::{bf16, f16};

use super::{Lanes, Simd};

/// A stored number.
///
/// # Safety
/// All bytes zero is a value of the type, the number 0.
pub(crate) unsafe trait Number: Copy + Send + Sync + 'static {
    /// The nearest number of this type.
    fn narrow(x: f32) -> Self;

    /// Widens 16 of them.
    fn load<S: Simd>(simd: S, from: &Lanes<Self>) -> S::F;
}

// SAFETY: zero bytes are +0.
unsafe impl Number for f32 {
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<Self>) -> S::F {
        simd.load(from)
    }
}

// SAFETY: zero bytes are +0.
unsafe impl Number for f16 {
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        Self::from_f32(x)
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<Self>) -> S::F {
        simd.load_f16(&from.map(Self::to_bits))
    }
}

// SAFETY: zero bytes are +0.
unsafe impl Number for bf16 {
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        Self::from_f32(x)
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &Lanes<Self>) -> S::F {
        simd.load_bf16(&from.map(Self::to_bits))
    }
}
