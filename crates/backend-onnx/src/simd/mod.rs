//! Loops that are compiled several times, for the instructions that a CPU may have.

#[cfg(target_arch = "x86_64")]
mod x86;

/// Numbers that are computed side by side.
pub(crate) const LANES: usize = 16;

/// Instructions that this program chooses when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    /// Whatever every CPU of the architecture has.
    Portable,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with the same.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl InstructionSet {
    /// The best of this CPU.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fused && is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if fused {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Runs a loop, compiled for these instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.run::<Plain>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `detect` has seen that this CPU has them.
                unsafe { x86::avx2(kernel) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                // SAFETY: `detect` has seen that this CPU has them.
                unsafe { x86::avx512(kernel) }
            }
        }
    }
}

/// A loop that is worth compiling for several CPUs. It must be inlined, with all that it calls.
pub(crate) trait Kernel {
    type Output;
    fn run<M: MultiplyAdd>(self) -> Self::Output;
}

/// How to add a product: fused where the CPU has an instruction for it, as `f32::mul_add` calls a
/// function where it has none. And the same with 16 numbers in registers, which the compiler keeps
/// there only if it is told.
pub(crate) trait MultiplyAdd {
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;

    /// 16 numbers.
    type Vector: Copy;
    fn splat(x: f32) -> Self::Vector;
    fn load(x: &[f32; LANES]) -> Self::Vector;
    fn store(x: Self::Vector, to: &mut [f32; LANES]);
    fn multiply_add_all(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

/// Rounds product and sum.
pub(crate) struct Plain;

impl MultiplyAdd for Plain {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    type Vector = [f32; LANES];

    #[inline(always)]
    fn splat(x: f32) -> Self::Vector {
        [x; LANES]
    }

    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self::Vector {
        *x
    }

    #[inline(always)]
    fn store(x: Self::Vector, to: &mut [f32; LANES]) {
        *to = x;
    }

    #[inline(always)]
    fn multiply_add_all(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        std::array::from_fn(|i| Self::multiply_add(a[i], b[i], c[i]))
    }
}
