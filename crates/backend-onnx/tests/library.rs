//! Libraries that are missing, wrong or too many. A process of its own: it keeps the first library
//! that it loads.

#[path = "../../backend-candle/tests/it/tiny.rs"]
mod tiny;

use backend_onnx::{LibraryError, LoadError, OnnxModel, OnnxOptions};
use candle_core::quantized::GgmlDType;

use tiny::Tiny;

fn load(library: Option<&std::path::Path>) -> Result<OnnxModel, LibraryError> {
    let options = OnnxOptions {
        library: library.map(Into::into),
        kv_tokens: Some(16),
        ..OnnxOptions::default()
    };
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    OnnxModel::load(&checkpoint, &options).map_err(|error| match error {
        LoadError::Library(error) => error,
        other => panic!("{other}"),
    })
}

#[test]
fn what_cannot_be_used_is_told_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.so");
    let error = load(Some(&missing)).unwrap_err();
    let told = error.to_string();
    assert!(
        matches!(&error, LibraryError::Missing { looked_at, .. } if *looked_at == [missing]),
        "{told}"
    );
    assert!(
        told.contains("cargo xtask setup onnx") && told.contains("ORT_DYLIB_PATH"),
        "{told}"
    );
    let wrong = folder.path().join("wrong.so");
    std::fs::write(&wrong, "no library").unwrap();
    let error = load(Some(&wrong)).unwrap_err();
    assert!(matches!(&error, LibraryError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("wrong.so"), "{error}");
    // Neither kept the right one from being loaded; after it there is no other.
    load(None).unwrap();
    let error = load(Some(&wrong)).unwrap_err();
    assert!(matches!(&error, LibraryError::Another { .. }), "{error}");
    load(None).unwrap();
}
