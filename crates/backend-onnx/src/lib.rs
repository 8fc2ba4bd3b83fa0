//! ONNX Runtime as an engine: the graph is built in memory, from the same checkpoint that every
//! engine reads. No export step, and no library at build time.
//!
//! [`OnnxModel`] is a [`stream_runtime::Model`] over whatever
//! [`Architecture`](stream_checkpoint::Architecture) a checkpoint describes. ONNX Runtime does the
//! products; four small operators of our own, in Rust, do what its CPU operators cannot: attention
//! of packed, ragged batches over a paged cache, and what is left over of the quantised formats that
//! have a minimum.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use backend_onnx::{OnnxModel, OnnxOptions};
//! use stream_checkpoint::Checkpoint;
//! use stream_runtime::{Engine, EngineConfig};
//!
//! let checkpoint = Checkpoint::open("model.gguf")?;
//! let model = OnnxModel::load(&checkpoint, &OnnxOptions::default())?;
//! let mut config = EngineConfig::new("onnx", checkpoint.name(), model.device());
//! config.capabilities.batch_invariant = OnnxModel::BATCH_INVARIANT;
//! let engine = Engine::start(model, checkpoint.tokenizer().clone(), config)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The library
//!
//! `cargo xtask setup onnx` fetches it; `ORT_DYLIB_PATH` or [`OnnxOptions::library`] names another,
//! of version 1.24 or newer. A process has one: see [`LibraryError`].
//!
//! # Weights
//!
//! Q4_0, Q4_1 and Q4_K are kept in 4 bits, Q5_0, Q5_1, Q5_K, Q6_K and Q8_0 in 8, all with exactly the
//! values of the file, and multiplied by `MatMulNBits` at accuracy level 4: activations are rounded to
//! 8 bits in groups of 32 (16 for Q6_K). F16 and BF16 become `f32` at load; `f32` matrices are read
//! where they lie in the file. Token embeddings are read from the file, a row for each token.
//!
//! # Exports
//!
//! [`ExportedModel`] runs what people have exported: a folder with a graph of optimum (also as
//! transformers.js has it, `onnx/model.onnx`) or of onnxruntime-genai's model builder, in `f32` at its
//! inputs and outputs. Its rows run one after the other. External data is read from the graph's own
//! folder alone, by this crate: ONNX Runtime opens no file.
//!
//! # Memory
//!
//! ONNX Runtime packs every matrix for its kernels, beside the memory that it packs from: quantised
//! weights are there twice. Keys and values are kept in single precision and take memory as positions
//! are first used.

mod attention;
mod decoder;
mod error;
mod export;
mod functions;
mod graph;
mod library;
mod model;
mod ops;
mod options;
mod pack;
mod rotary;
mod session;
mod simd;

pub use error::{LibraryError, LoadError};
pub use export::{ExportError, ExportedModel};
pub use library::LIBRARY_VARIABLE;
pub use model::OnnxModel;
pub use options::{OnnxOptions, Precision, Spinning};
