//! ONNX Runtime.

use std::path::Path;

use backend_onnx::{OnnxModel, OnnxOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::{BackendKind, Opened, Opener};
use crate::{EngineError, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(open);

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = OnnxOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        ..OnnxOptions::default()
    };
    let checkpoint = checkpoint(path, config)?;
    let model = OnnxModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Onnx.name();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.capabilities.batch_invariant = OnnxModel::BATCH_INVARIANT;
    start(model, &checkpoint, engine_config, config)
}
