//! The engine's model, run on a real checkpoint and on small ones.

mod batches;
mod families;
mod faults;
mod fidelity;
mod formats;
mod options;
mod support;
#[path = "../../../backend-candle/tests/it/tiny.rs"]
mod tiny;
