//! The engine's model, run on a real checkpoint and on small ones. What holds for every engine
//! stands in `backend-candle`.

mod agreement;
mod batches;
mod device;
mod difference;
mod engine;
#[path = "../../../backend-candle/tests/it/families.rs"]
mod families;
mod faults;
#[path = "../../../backend-candle/tests/it/fidelity.rs"]
mod fidelity;
mod formats;
#[path = "../../../backend-candle/tests/it/refusals.rs"]
mod refusals;
#[path = "../../../backend-candle/tests/it/support.rs"]
mod support;
#[path = "../../../backend-candle/tests/it/tiny.rs"]
mod tiny;
