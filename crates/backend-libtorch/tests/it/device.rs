//! What the engine says of what computes.

use crate::engine::EngineModel;
use crate::refusals::{options, tiny};

#[test]
fn the_device_names_the_library_that_runs() {
    let model = EngineModel::load(&tiny(), &options()).unwrap();
    let device = model.device();
    assert!(
        device.starts_with("cpu (1 thread, libtorch 2.11.0"),
        "{device}"
    );
}
