//! candle as an engine: a decoder on the CPU that takes packed, ragged batches over a paged cache.
//!
//! [`CandleModel`] is a [`stream_runtime::Model`] over whatever
//! [`Architecture`](stream_checkpoint::Architecture) a checkpoint describes. Quantised weights
//! are packed at load for kernels of our own, chosen when the program runs: candle has scalar code
//! alone for Q4_1, Q5_0 and Q5_1, chooses that for the others when it is compiled, and takes
//! another kernel for several rows than for one. So none of its products is left on this path; it
//! counts the cores, and the tests compare with its reading of the formats. F16, BF16 and F32 are multiplied as they
//! are. Biases, norms of queries and keys, sliding windows and layers without rotation are
//! computed; of a window's past only the spans of 128 positions that it reaches are read.
//! `FAMILIES.md` beside the sources says how near each family comes to Python transformers.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use backend_candle::{CandleModel, CandleOptions};
//! use stream_checkpoint::Checkpoint;
//! use stream_runtime::{Engine, EngineConfig};
//!
//! let checkpoint = Checkpoint::open("model.gguf")?;
//! let model = CandleModel::load(&checkpoint, &CandleOptions::default())?;
//! let config = EngineConfig::new("candle", checkpoint.name(), model.device());
//! let engine = Engine::start(model, checkpoint.tokenizer().clone(), config)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Memory
//!
//! Token embeddings are read from the checkpoint's mapping, a row for each token. Every matrix is
//! copied once, at load, into the order in which it is multiplied, in about as many bits as in the
//! file (5 for Q4_0, 4.6, 5.6 and 6.6 for Q4_K, Q5_K and Q6_K, 9 for Q5_0 and Q5_1); a tied head too. The mapped pages that the copy was
//! made from belong to the system's page cache and may be dropped. Keys and values take memory as
//! positions are first used; those that a window has passed stay until their sequence ends.
//!
//! # Batches
//!
//! The logits of a row are bit for bit the same alone, in any batch, however its prompt was cut
//! into chunks, and on every [`InstructionSet`]: each row goes through the same operations in the
//! same order, whatever stands beside it.

mod attention;
mod decoder;
mod error;
mod functions;
mod kv;
mod linear;
mod matrix;
mod model;
#[cfg(test)]
mod noise;
mod options;
mod pool;
mod rotary;
mod simd;
mod step;

pub use error::LoadError;
pub use model::CandleModel;
pub use options::{CandleOptions, Precision};
pub use simd::InstructionSet;
