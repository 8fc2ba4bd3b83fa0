//! Compiles the kernels of [`cuda_kernels`] with NVRTC, and runs them on a GPU through NVIDIA's
//! driver.
//!
//! Both libraries are opened when they are asked for, so that a program with this crate is built
//! and starts where there is neither. No toolkit is needed: NVRTC is one library, of which
//! `cargo xtask kernels` fetches a copy, and the driver comes with the card.
//!
//! ```no_run
//! use cuda_device::{Compiler, Gpu};
//! use cuda_kernels::check;
//!
//! let compiler = Compiler::open("libnvrtc.so.13")?;
//! let gpu = Gpu::open(0, &compiler)?;
//! for finding in check::all(&gpu)? {
//!     println!("{finding}");
//! }
//! # Ok::<(), cuda_device::CudaError>(())
//! ```
//!
//! # What is proven, and what is not
//! NVRTC has compiled every kernel. No GPU has been at hand: that the driver takes the calls is
//! shown by a library that stands in for it and runs the kernels in the emulator, and by nothing
//! else.

mod driver;
mod error;
mod functions;
mod gpu;
mod nvrtc;

pub use error::CudaError;
pub use gpu::{Gpu, GpuMemory};
pub use nvrtc::{Capability, Compiler};
