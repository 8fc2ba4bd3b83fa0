//! The engine's model, run on a real checkpoint and on small ones of every family. What holds for
//! every engine stands in `backend-candle`.

mod agreement;
mod batches;
mod device;
mod engine;
#[path = "../../../backend-candle/tests/it/families.rs"]
mod families;
#[path = "../../../backend-candle/tests/it/faults.rs"]
mod faults;
#[path = "../../../backend-candle/tests/it/fidelity.rs"]
mod fidelity;
mod laws;
mod portable;
#[path = "../../../backend-candle/tests/it/refusals.rs"]
mod refusals;
#[path = "../../../backend-candle/tests/it/support.rs"]
mod support;
