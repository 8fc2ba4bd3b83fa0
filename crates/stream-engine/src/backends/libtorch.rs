//! libtorch.

use std::path::Path;

use backend_libtorch::{LibtorchModel, LibtorchOptions};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::{BackendKind, Opened, Opener};
use crate::{EngineError, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(open);

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = LibtorchOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        ..LibtorchOptions::default()
    };
    let checkpoint = checkpoint(path, config)?;
    let model = LibtorchModel::load(&checkpoint, &options).map_err(failed)?;
    let name = BackendKind::Libtorch.name();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.capabilities = model.capabilities();
    start(model, &checkpoint, engine_config, config)
}
