//! The engine's model, run on a real checkpoint and on small ones of every family.

mod batches;
mod engine;
mod families;
mod faults;
#[path = "../../../backend-candle/tests/it/fidelity.rs"]
mod fidelity;
mod laws;
mod refusals;
#[path = "../../../backend-candle/tests/it/support.rs"]
mod support;
