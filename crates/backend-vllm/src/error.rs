//! Why there is no backend.

use std::sync::Arc;

/// Why a remote engine could not be set up.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The key cannot be had.
    #[error("the API key cannot be read from {place}: {problem}")]
    Key {
        /// Where it was looked for.
        place: String,
        /// Why.
        problem: String,
    },
    /// An address is none.
    #[error("`{url}` is no address of a server: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// Why.
        problem: &'static str,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(Arc<str>),
    /// No server answered.
    #[error("no server answers: {0}")]
    Unreachable(Arc<str>),
    /// A server answered what it should not.
    #[error("{url} is no server of OpenAI's API: {problem}")]
    Protocol {
        /// Which server.
        url: String,
        /// What it answered.
        problem: String,
    },
    /// The model is not served there, or there are several to choose from.
    #[error("{url} does not serve {asked}; it serves: {served}")]
    Model {
        /// Which server.
        url: String,
        /// What was asked for.
        asked: String,
        /// The names of the models there.
        served: String,
    },
    /// A server that was started here did not come up.
    #[error("`{command}` did not come up: {problem}")]
    Local {
        /// What was run.
        command: String,
        /// Its exit, and the end of its log.
        problem: String,
    },
}
