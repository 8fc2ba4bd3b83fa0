//! The engine's model, run on a real checkpoint and on small ones made here.

mod agreement;
mod batches;
mod engine;
mod families;
mod faults;
mod fidelity;
mod formats;
mod logprobs;
mod naive;
mod refusals;
mod shapes;
mod support;
mod tiny;
