//! vLLM, and every server that speaks its API.

use std::path::Path;
use std::sync::Arc;

use backend_vllm::{Vllm, VllmConfig};
use stream_checkpoint::SamplingDefaults;

use super::{BackendKind, Opened, Opener, setting};
use crate::config::RemoteKey;
use crate::{EngineError, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(Opener { check, open });

/// How the servers compute is set there.
fn check(config: &StreamingConfig) -> Result<(), EngineError> {
    let backend = BackendKind::Vllm;
    setting::no_device(backend, config)?;
    setting::none(backend, config.precision)?;
    setting::none(backend, config.spinning)?;
    setting::none(backend, config.batches)
}

/// The model is a name at the server; an empty one is the only model there.
fn open(model: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let mut urls = config.urls.iter().map(|url| {
        url.parse().map_err(|error| EngineError::Url {
            url: url.clone(),
            problem: format!("{error}").into(),
        })
    });
    let mut remote = VllmConfig::new(urls.next().ok_or(EngineError::NoUrl)??);
    for url in urls {
        remote = remote.url(url?);
    }
    if let Some(name) = model.to_str().filter(|name| !name.is_empty()) {
        remote = remote.model(name);
    }
    remote = match &config.key {
        None => remote,
        Some(RemoteKey::Variable(name)) => remote.key_from_env(name),
        Some(RemoteKey::File(path)) => remote.key_from_file(path),
    };
    let backend = Vllm::connect(remote);
    let backend = backend.map_err(|error| EngineError::Load(error.to_string().into()))?;
    Ok(Opened {
        backend: Arc::new(backend),
        recommended: SamplingDefaults::default(),
        tokenizer: None,
    })
}
