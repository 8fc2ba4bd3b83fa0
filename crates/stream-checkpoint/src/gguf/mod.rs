//! The GGUF container, versions 2 and 3, little endian.
//!
//! Source of the format: `docs/gguf.md` of ggml. Nothing is allocated, and no byte is read, for
//! a count, length or offset that has not been compared with the bytes that are there. What is
//! read borrows from the file.

mod cursor;
mod header;
mod metadata;
mod tensors;
mod value;

pub(crate) use header::parse;
pub(crate) use metadata::{Metadata, missing};
pub(crate) use value::Array;
