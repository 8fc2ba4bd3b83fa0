//! The sources of the kernels.

/// A file of CUDA C++.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its name, by which others include it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source {
            name: $name,
            text: include_str!(concat!("../kernels/", $name)),
        }
    };
}

/// What is compiled, each by itself, for compute capability 8.0 or later and C++17. None includes
/// anything but [`HEADERS`], so that NVRTC needs no toolkit.
pub const SOURCES: [Source; 7] = [
    source!("attention.cu"),
    source!("combine.cu"),
    source!("embed.cu"),
    source!("rms_norm.cu"),
    source!("rotary.cu"),
    source!("sample.cu"),
    source!("swiglu.cu"),
];

/// What the sources include.
pub const HEADERS: [Source; 4] = [
    source!("attention.cuh"),
    source!("common.cuh"),
    source!("outcome.cuh"),
    source!("weight.cuh"),
];
