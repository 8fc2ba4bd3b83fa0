//! What the fuzz targets share.

pub mod files;
mod panics;

pub use panics::{examine, prepare};
