//! What engines of this process have in common.

use std::sync::Arc;

use stream_checkpoint::{Checkpoint, Defaults, ModelTokenizer};
use stream_grammar::Grammars;
use stream_runtime::{Engine, EngineConfig, Model};

use super::Opened;
use crate::{EngineError, StreamingConfig};

/// Opens a model's file, and looks at its numbers if that is asked for.
pub(super) fn checkpoint(
    path: &std::path::Path,
    config: &StreamingConfig,
) -> Result<Checkpoint, EngineError> {
    let checkpoint = Checkpoint::open(path).map_err(failed)?;
    if config.check_weights {
        checkpoint.check_weights().map_err(failed)?;
    }
    Ok(checkpoint)
}

/// Starts the loop on a loaded model.
pub(super) fn start(
    model: impl Model,
    checkpoint: &Checkpoint,
    engine_config: EngineConfig,
    config: &StreamingConfig,
) -> Result<Opened, EngineError> {
    let texts = (checkpoint.tokenizer(), checkpoint.defaults());
    start_with(model, texts, engine_config, config)
}

/// The same for a model that has no checkpoint.
pub(super) fn start_with(
    model: impl Model,
    (tokenizer, defaults): (&Arc<ModelTokenizer>, &Defaults),
    mut engine_config: EngineConfig,
    config: &StreamingConfig,
) -> Result<Opened, EngineError> {
    let tokenizer = tokenizer.clone();
    engine_config.step_timeout = config.step_timeout.or(engine_config.step_timeout);
    if let Some(tokens) = config.speculative_tokens {
        engine_config.speculative_tokens = tokens;
    }
    engine_config.prefix_cache = config.prefix_cache;
    engine_config.grammars = Some(Arc::new(Grammars::new(tokenizer.clone())));
    let engine = Engine::start(model, tokenizer.clone(), engine_config).map_err(failed)?;
    Ok(Opened {
        backend: Arc::new(engine),
        recommended: defaults.sampling,
        tokenizer: Some(tokenizer),
    })
}

/// A model that could not be loaded.
pub(super) fn failed(error: impl std::error::Error) -> EngineError {
    EngineError::Load(error.to_string().into())
}
