//! What the engine says of itself.

use candle_core::quantized::GgmlDType;

use crate::engine::{EngineModel, Options, Precision};
use crate::tiny::Tiny;

#[test]
fn the_device_names_the_library_and_the_precision() {
    let tiny = Tiny {
        feed_forward: 64,
        ..Tiny::SMALL
    };
    let checkpoint = tiny.checkpoint(GgmlDType::Q4_0);
    for (precision, name) in [
        (Precision::Native, "accuracy level 4"),
        (Precision::Exact, "accuracy level 1"),
        (Precision::F32, "f32"),
    ] {
        let options = Options {
            precision,
            threads: Some(1),
            ..Options::default()
        };
        let model = EngineModel::load(&checkpoint, &options).unwrap();
        let wanted = format!("cpu (1 thread, ONNX Runtime, {name})");
        assert_eq!(model.device(), wanted);
    }
}
