//! The engine itself: what needs libtorch.

mod attention;
mod cache;
#[cfg(not(feature = "cuda"))]
#[path = "cuda/off.rs"]
mod cuda;
#[cfg(feature = "cuda")]
#[path = "cuda/on.rs"]
mod cuda;
mod decoder;
mod error;
mod fused;
mod layer;
mod linear;
mod model;
mod operators;
mod options;
mod padded;
mod plain;
mod rotary;
mod shim;
mod step;

pub use error::{LoadError, NoDevice};
pub use model::LibtorchModel;
pub use options::{Batches, Device, LibtorchOptions, Operators, Precision};
