//! Which engines are compiled in, and how one is opened.
#![allow(
    clippy::duplicate_mod,
    reason = "every engine that is not compiled in is the same module, which holds nothing"
)]

#[cfg(feature = "candle")]
mod candle;
#[cfg(not(feature = "candle"))]
#[path = "absent.rs"]
mod candle;
#[cfg(any(feature = "candle", feature = "libtorch", feature = "onnx"))]
mod in_process;
#[cfg(feature = "libtorch")]
mod libtorch;
#[cfg(not(feature = "libtorch"))]
#[path = "absent.rs"]
mod libtorch;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(not(feature = "onnx"))]
#[path = "absent.rs"]
mod onnx;
#[cfg(any(
    feature = "candle",
    feature = "libtorch",
    feature = "onnx",
    feature = "vllm"
))]
mod setting;
#[cfg(feature = "vllm")]
mod vllm;
#[cfg(not(feature = "vllm"))]
#[path = "absent.rs"]
mod vllm;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use stream_checkpoint::SamplingDefaults;
use stream_checkpoint::default_model;
use stream_checkpoint::hub::{self, HubConfig, ModelReference};
use stream_core::{Backend, Tokenizer};

use crate::{EngineError, StreamingConfig};

/// What this crate asks of an engine that is compiled in.
#[derive(Clone, Copy)]
pub(crate) struct Opener {
    /// Whether the engine has the settings that are asked for.
    check: fn(&StreamingConfig) -> Result<(), EngineError>,
    /// Loads a model and starts the engine on it.
    open: fn(&Path, &StreamingConfig) -> Result<Opened, EngineError>,
}

/// An engine that runs, with what it learned from the model's file.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) recommended: SamplingDefaults,
    /// The model's tokenizer; a remote engine keeps it to itself.
    pub(crate) tokenizer: Option<Arc<dyn Tokenizer>>,
}

/// The engines that this crate knows. Which of them are [`compiled`](Self::compiled) in, the
/// Cargo features of the same names decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendKind {
    /// candle, on the CPU.
    Candle,
    /// libtorch, on the CPU.
    Libtorch,
    /// ONNX Runtime, on the CPU.
    Onnx,
    /// vLLM, or any server that speaks its API, over HTTP.
    Vllm,
}

impl BackendKind {
    /// Every engine, whether compiled in or not.
    pub const ALL: [Self; 4] = [Self::Candle, Self::Libtorch, Self::Onnx, Self::Vllm];

    /// The engines that are compiled in.
    pub fn compiled() -> impl Iterator<Item = Self> + Clone {
        Self::ALL.into_iter().filter(|kind| kind.opener().is_some())
    }

    /// Whether it works elsewhere: it has no model file here, but an
    /// [address](StreamingConfig::url).
    pub fn is_remote(self) -> bool {
        self == Self::Vllm
    }

    /// The name in configuration files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::Libtorch => "libtorch",
            Self::Onnx => "onnx",
            Self::Vllm => "vllm",
        }
    }

    fn opener(self) -> Option<Opener> {
        match self {
            Self::Candle => candle::OPENER,
            Self::Libtorch => libtorch::OPENER,
            Self::Onnx => onnx::OPENER,
            Self::Vllm => vllm::OPENER,
        }
    }

    /// The engine here that is used where none is named: candle, which needs nothing but this
    /// program, or else the only one that is compiled in.
    fn unnamed() -> Result<Self, EngineError> {
        let mut compiled = Self::compiled().filter(|kind| !kind.is_remote());
        if compiled.clone().any(|kind| kind == Self::Candle) {
            return Ok(Self::Candle);
        }
        match (compiled.next(), compiled.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(EngineError::NoBackend {
                features: names(Self::ALL),
            }),
            _ => Err(EngineError::Ambiguous {
                compiled: names(Self::compiled()),
            }),
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| EngineError::UnknownBackend {
                name: name.to_owned(),
                compiled: names(Self::compiled()),
            })
    }
}

fn names(kinds: impl IntoIterator<Item = BackendKind>) -> String {
    let names: Vec<_> = kinds.into_iter().map(BackendKind::name).collect();
    names.join(", ")
}

/// Whether there is a backend for this configuration that has every setting in it. Neither looks
/// for a model nor loads one.
///
/// # Errors
/// If the backend cannot be chosen, or lacks a setting.
pub fn check(config: &StreamingConfig) -> Result<(), EngineError> {
    choose(config).map(drop)
}

/// Loads the configured model on the configured backend. Takes as long as loading takes, and
/// fetching, if the model is on the hub and not in its cache.
///
/// # Errors
/// If the backend cannot be chosen, lacks a setting, or the model cannot be loaded.
pub fn open(config: &StreamingConfig) -> Result<Arc<dyn Backend>, EngineError> {
    Ok(open_model(config)?.backend)
}

/// As [`open`], with what the model's file says.
pub(crate) fn open_model(config: &StreamingConfig) -> Result<Opened, EngineError> {
    let (kind, opener) = choose(config)?;
    let open = opener.open;
    match kind.is_remote() {
        true => open(config.model.as_deref().unwrap_or(Path::new("")), config),
        false => open(&model_path(config, Fetching::Allowed)?, config),
    }
}

/// The configured backend; the remote one, if there is an address; or the one for those who name none.
pub(crate) fn choose(config: &StreamingConfig) -> Result<(BackendKind, Opener), EngineError> {
    let backend = match (config.backend, config.urls.is_empty()) {
        (Some(backend), _) => backend,
        (None, false) => BackendKind::Vllm,
        (None, true) => BackendKind::unnamed()?,
    };
    let opener = backend.opener();
    let opener = opener.ok_or(EngineError::NotCompiled { backend })?;
    (opener.check)(config)?;
    Ok((backend, opener))
}

/// Whether a model may be fetched from the hub to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetching {
    Allowed,
    Forbidden,
}

/// Whether the configured model is on this machine; of a remote one it is not asked.
pub(crate) fn model_is_there(config: &StreamingConfig) -> bool {
    let remote = choose(config).is_ok_and(|(kind, _)| kind.is_remote());
    remote || model_path(config, Fetching::Forbidden).is_ok_and(|path| path.exists())
}

/// The configured model, as a file or folder of this machine.
fn model_path(config: &StreamingConfig, fetching: Fetching) -> Result<PathBuf, EngineError> {
    let Some(given) = &config.model else {
        return fetched(default_model::path()?);
    };
    match ModelReference::parse(given)? {
        ModelReference::Path(path) => Ok(path),
        ModelReference::Default => {
            fetched(default_model::cache_dir()?.join(default_model::FILE_NAME))
        }
        ModelReference::Hub(reference) => {
            let mut hub_config = HubConfig::from_env()?;
            hub_config.offline |= fetching == Fetching::Forbidden;
            Ok(hub::locate(&reference, &hub_config, &mut ())?)
        }
    }
}

/// The file of the default model, if it was fetched.
fn fetched(path: PathBuf) -> Result<PathBuf, EngineError> {
    match path.is_file() {
        true => Ok(path),
        false => Err(EngineError::DefaultModelMissing { path }),
    }
}
