//! candle.

use std::path::Path;
use std::sync::Arc;

use backend_candle::{CandleModel, CandleOptions};
use stream_checkpoint::Checkpoint;
use stream_grammar::Grammars;
use stream_runtime::{Engine, EngineConfig};

use super::{BackendKind, Opened, Opener};
use crate::{EngineError, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(open);

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = CandleOptions {
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        ..CandleOptions::default()
    };
    let checkpoint = Checkpoint::open(path).map_err(load)?;
    if config.check_weights {
        checkpoint.check_weights().map_err(load)?;
    }
    let model = CandleModel::load(&checkpoint, &options).map_err(load)?;
    let name = BackendKind::Candle.name();
    let tokenizer = checkpoint.tokenizer().clone();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.step_timeout = config.step_timeout.or(engine_config.step_timeout);
    if let Some(tokens) = config.speculative_tokens {
        engine_config.speculative_tokens = tokens;
    }
    engine_config.prefix_cache = config.prefix_cache;
    engine_config.grammars = Some(Arc::new(Grammars::new(tokenizer.clone())));
    let engine = Engine::start(model, tokenizer.clone(), engine_config).map_err(load)?;
    Ok(Opened {
        backend: Arc::new(engine),
        recommended: checkpoint.defaults().sampling,
        tokenizer: Some(tokenizer),
    })
}

fn load(error: impl std::error::Error) -> EngineError {
    EngineError::Load(error.to_string().into())
}
