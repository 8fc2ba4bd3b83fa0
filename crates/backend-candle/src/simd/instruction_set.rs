//! Which instructions this CPU has.

use std::fmt;

use super::{Kernel, Portable};

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// The instructions that the kernels use, chosen when the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// AVX-512 with VNNI: 64 products of bytes in one instruction.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of plain Rust.
    Portable,
}

impl InstructionSet {
    /// The best that this CPU has.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// Every one that this CPU has, the best first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::known().filter(|set| set.is_available())
    }

    /// Its name: `avx512-vnni`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// See [`Spec::step_overhead`](stream_runtime::Spec::step_overhead).
    ///
    /// SmolLM2-135M in Q4_1 on two cores of a server, the time of a step with one row of so many
    /// tokens over that with one token:
    ///
    /// | | 2 | 4 | 8 | overhead |
    /// |---|---|---|---|---|
    /// | avx512-vnni, 2 threads | 1.2 | 1.6 | 2.6 | 3.3 |
    /// | avx512-vnni, 1 thread | 1.1 | 1.4 | 2.2 | 4.9 |
    /// | avx2, 2 threads | 1.1 | 1.3 | 2.2 | 4.7 |
    /// | portable, 2 threads | 2.0 | 3.8 | 7.9 | 0 |
    /// | in `f32`, any but portable | 1.0 | 1.1 | 1.3 | 14 |
    ///
    /// Plain Rust multiplies more slowly than memory delivers; for the others this takes the
    /// smallest.
    pub(crate) fn step_overhead(self) -> usize {
        match self {
            Self::Portable => 0,
            _ => 3,
        }
    }

    fn known() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2,
            Self::Portable,
        ]
        .into_iter()
    }

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().is_some(),
            Self::Portable => true,
        }
    }

    /// Runs a kernel compiled for this instruction set, or in plain Rust where this CPU lacks it.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => match Avx512::detect() {
                Some(simd) => simd.run(kernel),
                None => kernel.run(Portable),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => match Avx2::detect() {
                Some(simd) => simd.run(kernel),
                None => kernel.run(Portable),
            },
            Self::Portable => kernel.run(Portable),
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
