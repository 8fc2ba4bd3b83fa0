//! Token streaming from a language model.
mod backends;
mod config;
mod engine;
mod error;

pub use backends::{BackendKind, open};
pub use config::{Ask, StreamingConfig};
pub use engine::StreamingEngine;
pub use error::EngineError;
pub use stream_core as core;
