//! The kernels that a decoder needs on an NVIDIA GPU beside its matrix products: the embedding of
//! tokens, RMS norm with the
//! residual's addition, rotation with the cache's writing, attention over the blocks of a paged
//! cache, the feed-forward's gate, and sampling.
//!
//! [`SOURCES`] is the CUDA C++. Each kernel has a struct that says what it is given ([`Embed`], [`RmsNorm`],
//! [`Rotary`], [`Attention`], [`SwiGlu`], [`Sample`]), and makes a [`Launch`] of it: plain data,
//! which a [`Device`] runs.
//!
//! # Batches
//! A step's tokens are packed, those of all rows one after the other. Positions, slots, blocks and
//! runs are the device's data, and padding says of itself that it is none (a negative slot or
//! position, a run of no tokens, a task without a row): a launch depends on the size of a batch
//! alone, so that a step can be captured as a CUDA graph and be used for every batch of that size.
//!
//! # The cache
//! For each layer keys and values, `[blocks, kv_heads, block_size, head_dim]` each, of one
//! [`Number`]. A slot is `block · block_size + offset`.
//!
//! # What is proven, and what is not
//! [`check::all`] compares every kernel on a device with its [reference](mod@reference). The tests
//! of `cuda-emulator` run it on the host, where the same sources are compiled and a block's threads
//! take turns: arithmetic, indices and barriers are proven by it. Put together there as a decoder,
//! with products by the host, the kernels choose the reference's tokens for SmolLM2. NVRTC compiles
//! every kernel (`cargo xtask kernels`). No GPU has run them yet (`cargo xtask gpu-test` would):
//! that they load, and how fast they are, is not known. No engine uses them yet.

#![forbid(unsafe_op_in_unsafe_fn)]

mod arguments;
mod attention;
pub mod check;
mod device;
mod kernel;
mod parts;
pub mod reference;
mod sample;
mod source;

pub use arguments::{Arguments, DevicePointer};
pub use attention::{Attention, Heads, UnsupportedHeads};
pub use device::Device;
pub use kernel::{Kernel, Launch, Number};
pub use parts::{Embed, Pairing, RmsNorm, Rotary, SwiGlu};
pub use sample::{Outcome, Sample, SampleTask};
pub use source::{HEADERS, SOURCES, Source};
