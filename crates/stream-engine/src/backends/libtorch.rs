//! libtorch.

use std::path::Path;

use backend_libtorch::{LibtorchModel, LibtorchOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::setting;
use super::{BackendKind, Opened, Opener};
use crate::{Batches, EngineError, Precision, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(Opener {
    check: |config| options(config).map(drop),
    open,
});

const PRECISIONS: [(Precision, backend_libtorch::Precision); 3] = [
    (Precision::Native, backend_libtorch::Precision::Native),
    (Precision::Bf16, backend_libtorch::Precision::Bf16),
    (Precision::F32, backend_libtorch::Precision::F32),
];

const BATCHES: [(Batches, backend_libtorch::Batches); 2] = [
    (Batches::Fastest, backend_libtorch::Batches::Fastest),
    (Batches::Invariant, backend_libtorch::Batches::Invariant),
];

fn options(config: &StreamingConfig) -> Result<LibtorchOptions, EngineError> {
    let backend = BackendKind::Libtorch;
    setting::none(backend, config.spinning)?;
    Ok(LibtorchOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        precision: setting::chosen(backend, config.precision, &PRECISIONS)?,
        batches: setting::chosen(backend, config.batches, &BATCHES)?,
        ..LibtorchOptions::default()
    })
}

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = options(config)?;
    let checkpoint = checkpoint(path, config)?;
    let model = LibtorchModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Libtorch.name();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.capabilities = model.capabilities();
    start(model, &checkpoint, engine_config, config)
}
