//! candle.

use std::path::Path;

use backend_candle::{CandleModel, CandleOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::setting;
use super::{BackendKind, Opened, Opener};
use crate::{Batches, EngineError, Precision, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(Opener {
    check: |config| options(config).map(drop),
    open,
});

const PRECISIONS: [(Precision, backend_candle::Precision); 2] = [
    (Precision::Native, backend_candle::Precision::Native),
    (Precision::F32, backend_candle::Precision::F32),
];

fn options(config: &StreamingConfig) -> Result<CandleOptions, EngineError> {
    let backend = BackendKind::Candle;
    setting::processor(backend, config)?;
    setting::none(backend, config.spinning)?;
    setting::chosen(backend, config.batches, &[(Batches::Invariant, ())])?;
    Ok(CandleOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        precision: setting::chosen(backend, config.precision, &PRECISIONS)?,
        ..CandleOptions::default()
    })
}

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = options(config)?;
    let checkpoint = checkpoint(path, config)?;
    let model = CandleModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Candle.name();
    let engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    start(model, &checkpoint, engine_config, config)
}
