//! What each engine really does on this machine: asked of the engine, with the model loaded.

use std::ffi::OsStr;
use std::path::PathBuf;

use serde::Serialize;
use stream_checkpoint::hub::{self, HubConfig, ModelReference};
use stream_engine::core::Backend;
use stream_engine::{BackendKind, StreamingConfig};

use super::stored::{State, Stored};
use crate::args::EngineArgs;
use crate::failure::Failure;
use crate::model;

#[derive(Debug, Serialize)]
pub(super) struct Engine {
    pub(super) name: &'static str,
    #[serde(flatten)]
    pub(super) found: Found,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    Runs(Runs),
    Fails(String),
    /// There is no model to try it with.
    NotTried(String),
}

#[derive(Debug, Serialize)]
pub(super) struct Runs {
    pub(super) model: String,
    /// The device with its threads and instruction sets, in the engine's own words.
    pub(super) device: String,
    pub(super) context_length: Option<usize>,
}

impl Engine {
    pub(super) fn works(&self) -> bool {
        matches!(self.found, Found::Runs(_))
    }
}

/// Loads the model on each engine that is compiled in, or on the one that was named.
pub(super) fn try_each(args: &EngineArgs, stored: &Stored) -> Result<Vec<Engine>, Failure> {
    let config = model::config(args)?;
    let named = match &args.backend {
        Some(name) => Some(name.parse::<BackendKind>()?),
        None => None,
    };
    // A remote engine is tried where there is an address.
    let tried = |kind: &BackendKind| match named {
        Some(named) => named == *kind,
        None => kind.is_remote() != args.url.is_empty(),
    };
    let kinds = BackendKind::compiled().filter(tried);
    let path = usable_model(args, stored);
    let engines = kinds.map(|kind| Engine {
        name: kind.name(),
        found: match &path {
            _ if kind.is_remote() => remote(config.clone().backend(kind), args),
            Ok(path) => attempt(config.clone().backend(kind).model(path)),
            Err(why) => Found::NotTried(why.clone()),
        },
    });
    Ok(engines.collect())
}

/// The model to try engines with, or why there is none. A model that was named is tried whatever
/// it is: what the engine says of it is what the person wants to know. Nothing is fetched for it.
fn usable_model(args: &EngineArgs, stored: &Stored) -> Result<PathBuf, String> {
    if let Some(given) = &args.model {
        return here(given).map_err(|failure| failure.message().to_owned());
    }
    if let Some(path) = &stored.replaced_by {
        return Ok(path.clone());
    }
    match stored.state {
        State::Whole => Ok(stored.path.clone()),
        State::Missing => {
            Err("the default model is not there; fetch it with `stream-engine pull`".to_owned())
        }
        State::Damaged => {
            Err("the default model is damaged; `stream-engine pull` mends it".to_owned())
        }
    }
}

/// A model that was named, as far as it is on this machine.
fn here(given: &OsStr) -> Result<PathBuf, Failure> {
    match ModelReference::parse(given)? {
        ModelReference::Path(path) => Ok(path),
        ModelReference::Default => Ok(model::default_path()?),
        ModelReference::Hub(reference) => {
            let mut config = HubConfig::from_env()?;
            config.offline = true;
            Ok(hub::locate(&reference, &config, &mut ())?)
        }
    }
}

/// Its model is a name at the server.
fn remote(config: StreamingConfig, args: &EngineArgs) -> Found {
    attempt(match &args.model {
        Some(name) => config.model(name),
        None => config,
    })
}

fn attempt(config: StreamingConfig) -> Found {
    match stream_engine::open(&config) {
        Ok(backend) => {
            let info = backend.info();
            Found::Runs(Runs {
                model: info.model.clone(),
                device: info.device.clone(),
                context_length: info.limits.context_length,
            })
        }
        Err(error) => Found::Fails(error.to_string()),
    }
}
