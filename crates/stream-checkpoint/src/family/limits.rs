//! The largest numbers that are believed. They are far above those of any model, and small
//! enough that no product of two of them overflows.

pub(super) const LAYERS: u64 = 4_096;
pub(super) const HEADS: u64 = 65_536;
pub(super) const WIDTH: u64 = 1 << 24;
pub(super) const CONTEXT: u64 = 1 << 31;
