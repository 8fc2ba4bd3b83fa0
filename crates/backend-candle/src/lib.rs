//! candle as an engine: a decoder on the CPU that takes packed, ragged batches over a paged cache.
//!
//! [`CandleModel`] is a [`stream_runtime::Model`] over whatever
//! [`Architecture`](stream_checkpoint::Architecture) a checkpoint describes. A format of weights
//! that candle multiplies by scalar code alone (Q4_1, Q5_0, Q5_1), or whose fast code it chooses
//! when it is compiled (Q4_0, Q8_0), is packed at load for kernels of our own, chosen when the
//! program runs; Q4_K, Q5_K and Q6_K go through candle's.
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
mod supported;

pub use error::LoadError;
pub use model::CandleModel;
pub use options::{CandleOptions, Precision};
pub use simd::InstructionSet;
