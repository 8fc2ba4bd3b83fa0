//! ONNX Runtime.

use std::path::Path;

use backend_onnx::{ExportedModel, OnnxModel, OnnxOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start, start_with};
use super::setting;
use super::{BackendKind, Opened, Opener};
use crate::{Batches, EngineError, Precision, Spinning, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(Opener {
    check: |config| options(config).map(drop),
    open,
});

const PRECISIONS: [(Precision, backend_onnx::Precision); 3] = [
    (Precision::Native, backend_onnx::Precision::Native),
    (Precision::Exact, backend_onnx::Precision::Exact),
    (Precision::F32, backend_onnx::Precision::F32),
];

const SPINNING: [(Spinning, backend_onnx::Spinning); 2] = [
    (Spinning::On, backend_onnx::Spinning::On),
    (Spinning::Off, backend_onnx::Spinning::Off),
];

fn options(config: &StreamingConfig) -> Result<OnnxOptions, EngineError> {
    let backend = BackendKind::Onnx;
    setting::processor(backend, config)?;
    setting::chosen(backend, config.batches, &[(Batches::Fastest, ())])?;
    Ok(OnnxOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        precision: setting::chosen(backend, config.precision, &PRECISIONS)?,
        spinning: setting::chosen(backend, config.spinning, &SPINNING)?,
        ..OnnxOptions::default()
    })
}

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = options(config)?;
    if ExportedModel::is_at(path) {
        return export(path, &options, config);
    }
    let checkpoint = checkpoint(path, config)?;
    let model = OnnxModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Onnx.name();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.capabilities.batch_invariant = OnnxModel::BATCH_INVARIANT;
    start(model, &checkpoint, engine_config, config)
}

/// A graph that was exported with its weights.
fn export(
    path: &Path,
    options: &OnnxOptions,
    config: &StreamingConfig,
) -> Result<Opened, EngineError> {
    let model = ExportedModel::load(path, options).map_err(failed)?;
    let name = BackendKind::Onnx.name();
    let mut engine_config = EngineConfig::new(name, model.texts().name(), model.device());
    engine_config.capabilities.batch_invariant = ExportedModel::BATCH_INVARIANT;
    let (tokenizer, defaults) = (
        model.texts().tokenizer().clone(),
        model.texts().defaults().clone(),
    );
    start_with(model, (&tokenizer, &defaults), engine_config, config)
}
