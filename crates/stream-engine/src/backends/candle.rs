//! candle.

use std::path::Path;

use backend_candle::{CandleModel, CandleOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::{BackendKind, Opened, Opener};
use crate::{EngineError, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(open);

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = CandleOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        ..CandleOptions::default()
    };
    let checkpoint = checkpoint(path, config)?;
    let model = CandleModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Candle.name();
    let engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    start(model, &checkpoint, engine_config, config)
}
