//! What the two ends of a stream share their state with: the standard library's types, and loom's
//! where its models run (`cargo xtask loom`).

#[cfg(all(test, loom))]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(all(test, loom))]
pub(super) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::{Mutex, MutexGuard};
