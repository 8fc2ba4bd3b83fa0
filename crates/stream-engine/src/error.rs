//! What can go wrong between a configuration and a stream.

use std::path::PathBuf;
use std::sync::Arc;

use stream_checkpoint::default_model::NoCacheFolder;
use stream_checkpoint::hub::{HubError, ReferenceError};
use stream_core::{CompleteError, Error, InvalidRequest, Rejected, Rejection};

use crate::{BackendKind, Device};

/// Why the engine did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No backend has this name.
    #[error("there is no backend `{name}`; compiled in: {compiled}")]
    UnknownBackend {
        /// What was asked for.
        name: String,
        /// The names of those that are compiled in.
        compiled: String,
    },
    /// The backend exists, but not in this program.
    #[error("the backend `{backend}` is not compiled in; build with the feature `{backend}`")]
    NotCompiled {
        /// What was asked for.
        backend: BackendKind,
    },
    /// The program was built without any backend.
    #[error("no backend is compiled in; build with one of the features: {features}")]
    NoBackend {
        /// The features that bring one.
        features: String,
    },
    /// Several backends are compiled in and the configuration names none.
    #[error("several backends are compiled in; name one of: {compiled}")]
    Ambiguous {
        /// The names to choose from.
        compiled: String,
    },
    /// The backend has no such value of a setting, or the whole setting not.
    #[error("the backend `{backend}` has no {setting} `{value}`; it has {}", listed(.has))]
    UnsupportedSetting {
        /// The backend.
        backend: BackendKind,
        /// The setting's name.
        setting: &'static str,
        /// What was asked for.
        value: &'static str,
        /// The values that it has.
        has: Vec<&'static str>,
    },
    /// The device cannot be used.
    #[error("the backend `{backend}` cannot compute on {device}: {problem}")]
    Device {
        /// The backend.
        backend: BackendKind,
        /// What was asked for.
        device: Device,
        /// What is missing.
        problem: Arc<str>,
    },
    /// A setting has no value of this name.
    #[error("there is no {setting} `{value}`; known are {}", listed(.known))]
    UnknownValue {
        /// The setting's name.
        setting: &'static str,
        /// What was asked for.
        value: String,
        /// The names of all values.
        known: Vec<&'static str>,
    },
    /// The remote backend has no address.
    #[error("the backend `vllm` needs the address of a server, such as http://127.0.0.1:8000")]
    NoUrl,
    /// What was given as an address is none.
    #[error("`{url}` is no address of a server: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// Why.
        problem: Arc<str>,
    },
    /// The default model was never fetched.
    #[error(
        "the default model is not at {path}; fetch it with `stream-engine pull`, or name a model file"
    )]
    DefaultModelMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is no place for the default model.
    #[error(transparent)]
    NoCacheFolder(#[from] NoCacheFolder),
    /// The configured model is no path and no name that the hub allows.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The configured model is on the hub, and could not be had from there.
    #[error(transparent)]
    Hub(Arc<HubError>),
    /// The model could not be loaded.
    #[error("{0}")]
    Load(Arc<str>),
    /// [`StreamingEngine::get_instance`](crate::StreamingEngine::get_instance) was called with
    /// another configuration than the first time.
    #[error("the shared engine already runs with another configuration")]
    OtherConfig,
    /// The engine was shut down.
    #[error("the engine was shut down")]
    ShutDown,
    /// The request is impossible for any model.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The backend did not accept the request.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The stream ended with an error.
    #[error(transparent)]
    Stream(#[from] Error),
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "no such setting".to_owned(),
        names => names.join(", "),
    }
}

impl From<HubError> for EngineError {
    fn from(error: HubError) -> Self {
        Self::Hub(Arc::new(error))
    }
}

impl From<Rejected> for EngineError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected.reason)
    }
}

impl From<CompleteError> for EngineError {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Rejected(rejected) => rejected.into(),
            CompleteError::Stream(error) => error.into(),
        }
    }
}
