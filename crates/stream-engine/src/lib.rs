//! Token streaming from a language model.
mod backends;
mod config;
mod device;
mod engine;
mod error;
mod settings;

pub use backends::{BackendKind, check, open};
pub use config::{Ask, StreamingConfig};
pub use device::Device;
pub use engine::StreamingEngine;
pub use error::EngineError;
pub use settings::{Batches, Precision, Spinning};
pub use stream_core as core;
