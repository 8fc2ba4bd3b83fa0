//! The engine itself: what needs libtorch.

mod attention;
mod cache;
mod decoder;
mod error;
mod fused;
mod layer;
mod linear;
mod model;
mod options;
mod rotary;
mod shim;
mod step;

pub use error::LoadError;
pub use model::LibtorchModel;
pub use options::{Batches, LibtorchOptions, Precision};
