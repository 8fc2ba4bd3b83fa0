//! An ONNX export is a model like any other. `cargo xtask test` fetches the library.

use stream_engine::core::Request;
use stream_engine::{BackendKind, StreamingConfig, StreamingEngine};

#[test]
fn a_folder_with_an_export_streams() {
    let exports = concat!(env!("CARGO_MANIFEST_DIR"), "/../backend-onnx/tests/exports");
    for name in ["genai", "optimum"] {
        let config = StreamingConfig::default().backend(BackendKind::Onnx);
        let engine = StreamingEngine::new(config.model(format!("{exports}/{name}")));
        let request = Request::raw("abc").greedy().max_tokens(8);
        let stream = engine.generate(request.build().unwrap()).unwrap();
        let ids = stream.blocking().completion().unwrap().ids;
        assert!(!ids.is_empty(), "{name}");
        let device = engine.backend().unwrap().info().device.clone();
        assert!(device.contains("an export"), "{device}");
    }
}
