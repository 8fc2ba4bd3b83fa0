//! libtorch as an engine: a decoder that takes packed, ragged batches over a paged cache, on the
//! CPU or on an NVIDIA GPU.
//!
//! `LibtorchModel` is a [`stream_runtime::Model`] over whatever
//! [`Architecture`](stream_checkpoint::Architecture) a checkpoint describes, built of libtorch's
//! operators through [tch](https://docs.rs/tch/0.24.0) 0.24, which is made for libtorch 2.11.0 and
//! no other version. Without the Cargo feature `link` this crate is empty, so that a workspace
//! builds where no libtorch is.
//!
//! # Where libtorch comes from
//!
//! The environment of the build says it, by the variables of torch-sys: `LIBTORCH` names a folder
//! with `include` and `lib`; `LIBTORCH_USE_PYTORCH=1` takes the one of `python3`. In a clone of
//! this repository `cargo xtask setup libtorch` fetches one and says so to Cargo. Another version
//! is refused in one sentence: by the build, which reads the headers, and once more when a model is
//! loaded, which asks the library that is there then.
//!
//! # Memory
//!
//! Token embeddings are read from the checkpoint's mapping. Every matrix is copied once, at load,
//! into the form in which it is multiplied; one that is kept quantised has a second form in `bf16`
//! for steps of many tokens, unless `Batches::Invariant` asks for a single one. Keys and values
//! take memory as positions are first used.
//!
//! # GPUs
//!
//! With the feature `cuda`, which needs nothing of CUDA to build, `Device::Cuda` computes on an
//! NVIDIA GPU. The program stays linked against the CPU's libtorch and starts everywhere; the part
//! for CUDA is loaded out of a PyTorch that the user has, of the same version and for the same CUDA,
//! from the folder `torch/lib` that `LibtorchOptions::cuda_library` or the environment variable
//! `STREAM_ENGINE_LIBTORCH_CUDA` names. Nothing else in the process may ask libtorch for CUDA before:
//! it would remember that there is none. What is missing, the feature, the library, a driver or the
//! card, is a `NoDevice` in one sentence; the processor never takes over.
//!
//! A GPU goes through libtorch's own operators, which compute on the processor too
//! (`Operators::Portable`), and are tested there. **No GPU has run them yet**: that the
//! library loads and finds no device where there is none is all that was seen of CUDA.
//!
//! # Threads that wait
//!
//! libtorch's threads wait for work by spinning, for milliseconds. On a busy machine that costs more
//! than the work; threads that sleep at once make decoding two and a half times slower than it can
//! be. Set `OMP_WAIT_POLICY=active` and `GOMP_SPINCOUNT=1000` in the environment before the process
//! starts, for the OpenMP library reads them when it is loaded. The program `stream-engine` does
//! that for itself.
//!
//! # Files that run code
//!
//! Weights come from GGUF and safetensors files, which hold numbers alone. This crate opens no
//! TorchScript and no pickled file, which may run any code when they are loaded: a folder that has
//! nothing else is an error that says how to convert it, and no option changes that.

#[cfg(feature = "link")]
mod engine;

#[cfg(feature = "link")]
pub use engine::{
    Batches, Device, LibtorchModel, LibtorchOptions, LoadError, NoDevice, Operators, Precision,
};
