//! Causal attention of packed rows over a paged cache, on the CPU.
//!
//! For each token and each key-value head, with the query heads that share it, the positions of the
//! token's sequence are gone over in spans of 128, each with its own softmax, which are folded
//! together from the first to the last (arXiv:2205.14135). A token's result comes about by the same
//! operations in the same order, whatever else is in the batch.

mod cache;
mod span;
mod step;

pub(crate) use cache::{KvCache, KvShape};
pub(crate) use span::Accumulator;
pub(crate) use step::{Run, Step};

/// Positions that are computed side by side.
pub(crate) use crate::simd::LANES;
