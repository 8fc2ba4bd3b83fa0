//! The engine's model, run on a real checkpoint and on small ones of every family.

mod batches;
mod families;
mod faults;
mod fidelity;
mod laws;
mod refusals;
mod support;
