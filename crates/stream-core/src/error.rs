//! What can go wrong, by who can mend it.
//!
//! [`InvalidRequest`]: the caller wrote an impossible request. [`Rejected`]: this backend will
//! not take it, now or ever, and gives it back. [`Error`]: an accepted stream ended badly.

use std::sync::Arc;
use std::time::Duration;

use crate::{Request, TokenSink};

/// A value that no backend could accept, found while a request is built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {found}, but must be {allowed}")]
pub struct InvalidRequest {
    /// The name of the parameter, as the builder spells it.
    pub parameter: &'static str,
    /// The value that was given.
    pub found: String,
    /// The values that are allowed.
    pub allowed: String,
}

impl InvalidRequest {
    pub(crate) fn new(
        parameter: &'static str,
        found: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self {
            parameter,
            found: found.to_string(),
            allowed: allowed.into(),
        }
    }
}

/// Why a backend did not accept a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The request itself is impossible for this model.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The prompt, with the room asked for the answer, does not fit the model's context.
    #[error(
        "the prompt has {prompt_tokens} tokens and the request asks for {max_tokens} more, \
         but the context of {model} holds {context_length}"
    )]
    ContextLengthExceeded {
        /// The model that was asked.
        model: String,
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens asked for; 1 where the request left it open.
        max_tokens: usize,
        /// Tokens that the model's context holds.
        context_length: usize,
    },
    /// The prompt and its answer need more KV cache than the engine has in all.
    #[error("the request needs {needed} tokens of KV cache, but the engine has {available} in all")]
    KvCacheTooSmall {
        /// Tokens that would have to be cached.
        needed: usize,
        /// Tokens that can be cached.
        available: usize,
    },
    /// The backend cannot honour a parameter.
    #[error("the backend `{backend}` does not support `{parameter}`")]
    Unsupported {
        /// The parameter that asks for it.
        parameter: &'static str,
        /// The backend that was asked.
        backend: String,
    },
    /// The grammar cannot be kept: it is wrong, needs what the engine does not know, is too
    /// complex, or allows no text at all.
    #[error("the {kind} cannot be used: {message}")]
    Grammar {
        /// Its [kind](crate::Grammar::kind).
        kind: &'static str,
        /// What is wrong with it, and where.
        message: String,
    },
    /// As many grammars are being compiled as may be at once. Trying later may help.
    #[error("too many grammars are being compiled: {capacity} at once")]
    GrammarsBusy {
        /// How many may be compiled at once.
        capacity: usize,
    },
    /// The prompt could not be turned into tokens.
    #[error("the prompt cannot be tokenised: {0}")]
    Tokenize(#[from] crate::TokenizeError),
    /// As many requests wait as the queue holds. Trying later may help.
    #[error("the queue is full: {capacity} requests wait already")]
    QueueFull {
        /// How many requests may wait.
        capacity: usize,
    },
    /// The backend takes no more requests because it shuts down.
    #[error("the backend is shutting down")]
    ShuttingDown,
    /// The backend is broken and says why.
    #[error("the backend has failed: {0}")]
    Failed(Arc<str>),
    /// A remote engine will not take the request as it is, in its own words.
    #[error("{message}")]
    Refused {
        /// The parameter that it names, if it names one.
        parameter: Option<Arc<str>>,
        /// What it said.
        message: Arc<str>,
    },
    /// A remote engine does not let this program in, or does not know the model: its operator can
    /// mend it, a caller cannot.
    #[error("the remote engine refuses this program: {0}")]
    Denied(Arc<str>),
    /// A remote engine takes no more for now.
    #[error("the remote engine is busy: {message}")]
    Busy {
        /// What it said.
        message: Arc<str>,
        /// After how long it wants to be asked again.
        retry_after: Option<Duration>,
    },
}

/// A refusal that gives the request and the sink back, so that both can go elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// Why.
    #[source]
    pub reason: Rejection,
    /// What was refused, with the sink where one was handed over.
    pub returned: Box<(Request, Option<TokenSink>)>,
}

impl Rejected {
    /// Refuses a request.
    pub fn new(reason: impl Into<Rejection>, request: Request, sink: TokenSink) -> Self {
        Self {
            reason: reason.into(),
            returned: Box::new((request, Some(sink))),
        }
    }

    /// The same refusal for the request that the refused one was a part of.
    pub(crate) fn for_request(self, request: Request) -> Self {
        Self {
            reason: self.reason,
            returned: Box::new((request, None)),
        }
    }

    /// The request, to be sent again.
    pub fn into_request(self) -> Request {
        self.returned.0
    }
}

/// Which deadline of a request passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadlineKind {
    /// From submission until the request first enters a step.
    Queue,
    /// From submission to the first token.
    FirstToken,
    /// From one token to the next.
    BetweenTokens,
    /// From submission to the end.
    Total,
}

impl std::fmt::Display for DeadlineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue => "queue",
            Self::FirstToken => "first-token",
            Self::BetweenTokens => "between-tokens",
            Self::Total => "total",
        })
    }
}

/// Why an accepted stream ended without finishing its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend dropped its sink without finishing: a fault of the backend.
    #[error("the backend abandoned the stream without ending it")]
    Abandoned,
    /// A deadline of the request passed.
    #[error("the {kind} deadline of {limit:?} has passed")]
    Deadline {
        /// Which one.
        kind: DeadlineKind,
        /// How long it was.
        limit: Duration,
    },
    /// The reader left a full buffer standing for longer than the request allows.
    #[error("the reader took nothing from a full buffer for {limit:?}")]
    SlowReader {
        /// The stall that the request allows.
        limit: Duration,
    },
    /// The engine failed or panicked in a step of this stream.
    #[error("the engine failed: {0}")]
    Engine(Arc<str>),
    /// A step of the engine did not end in time, and the engine gave its streams up.
    #[error("a step of the engine has not ended within {limit:?}")]
    Hung {
        /// The longest time that the engine's configuration lets a step take.
        limit: Duration,
    },
    /// The model gave no number that a token could be chosen by.
    #[error("the model's logits at token {index} are not finite")]
    Numerical {
        /// Tokens made before.
        index: usize,
    },
    /// No token may follow by the request's grammar, or it became too complex to tell.
    #[error("the grammar failed at token {index}: {message}")]
    Grammar {
        /// Tokens made before.
        index: usize,
        /// What went wrong.
        message: Arc<str>,
    },
    /// The backend was shut down before the stream ended.
    #[error("the backend was shut down before the stream ended")]
    ShutDown,
    /// A remote engine refused the request after it was accepted here.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// A remote engine cannot be reached, or the connection to it failed.
    #[error("the remote engine cannot be reached: {0}")]
    Unreachable(Arc<str>),
    /// A remote engine's answer broke off before its end.
    #[error("the remote engine's answer broke off before its end: {0}")]
    Truncated(Arc<str>),
    /// A remote engine said what its protocol does not know.
    #[error("the remote engine does not keep to its protocol: {0}")]
    Protocol(Arc<str>),
}
