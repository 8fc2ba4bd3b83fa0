//! Instruction sets that matter to matrix kernels: which the compiler was allowed to use, and
//! which the processor has.

/// An instruction set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature {
    pub(super) name: &'static str,
    /// The compiler used it wherever it liked: the program cannot run without it.
    pub(super) compiled: bool,
    /// The processor and the operating system support it.
    pub(super) detected: bool,
}

macro_rules! features {
    ($detect:ident: $($name:tt)*) => {
        pub(super) fn look() -> Vec<Feature> {
            vec![$(Feature {
                name: $name,
                compiled: cfg!(target_feature = $name),
                detected: std::arch::$detect!($name),
            }),*]
        }
    };
}

#[cfg(target_arch = "x86_64")]
features!(is_x86_feature_detected:
    "sse4.2" "avx" "avx2" "fma" "f16c" "avxvnni"
    "avx512f" "avx512bw" "avx512vl" "avx512vnni" "avx512bf16" "avx512fp16");

#[cfg(target_arch = "aarch64")]
features!(is_aarch64_feature_detected:
    "neon" "fp16" "dotprod" "i8mm" "bf16" "sve" "sve2");

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn look() -> Vec<Feature> {
    Vec::new()
}
