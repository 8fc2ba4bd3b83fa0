//! Exports that people already have: a folder with a graph and a tokenizer, without a checkpoint.

mod cache;
mod error;
mod external;
mod files;
mod form;
mod model;
mod run;
mod wire;

pub use error::ExportError;
pub use model::ExportedModel;
