//! CUDA kernels: compiled without a GPU, tested on one.

pub(crate) mod kernels;
mod nvrtc;
pub(crate) mod test;
