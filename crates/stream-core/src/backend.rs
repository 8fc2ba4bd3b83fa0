//! The contract that every engine keeps.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::{Completion, Error, Rejected, Rejection, Request, TokenSink, TokenStream, channel};

/// Turns a request into tokens.
///
/// # For implementors
/// Two methods are required. [`submit`](Self::submit) looks at the request, puts it into a
/// bounded queue and returns; the work happens on another thread or task, which
///
/// 1. calls [`TokenSink::scheduled`] when the request's first step begins,
/// 2. reserves a [`Permit`](crate::Permit) before it makes a token, and sends the token with it,
/// 3. looks at [`TokenSink::is_cancelled`] at least once a token and frees its work when it is,
/// 4. ends with [`TokenSink::finish`] or [`TokenSink::fail`].
///
/// What is wrong with a request is said before its first token: by an engine in this process as
/// a [`Rejected`], which gives the request back; by a remote one as the stream's first item. A
/// parameter that cannot be honoured is rejected by name, never dropped:
/// [`Capabilities::check`] does it.
///
/// # For users
/// Call [`BackendExt::generate`].
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What this backend is and can do. Constant.
    fn info(&self) -> &BackendInfo;

    /// Takes the request, or gives it back. Returns at once.
    ///
    /// # Errors
    /// If the backend will not take the request, now or ever.
    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected>;

    /// Whether the backend can take requests.
    async fn health(&self) -> Health {
        Health::Ready
    }

    /// What the backend has done and is doing; `None` where it keeps no count.
    fn stats(&self) -> Option<Stats> {
        None
    }

    /// Takes no more requests, lets the accepted ones end until `deadline`, then ends the rest
    /// with [`Error::ShutDown`].
    async fn drain(&self, deadline: Instant) -> Drained;
}

/// What users call; implemented for every backend.
#[async_trait]
pub trait BackendExt: Backend {
    /// Submits a request and gives its stream.
    ///
    /// # Errors
    /// If the backend will not take the request.
    fn generate(&self, request: Request) -> Result<TokenStream, Rejected> {
        let (sink, stream) = channel(&request);
        self.submit(request, sink)?;
        Ok(stream)
    }

    /// Submits a request and waits for the whole answer.
    ///
    /// # Errors
    /// If the backend will not take the request, or its stream ends with an error.
    async fn complete(&self, request: Request) -> Result<Completion, CompleteError> {
        Ok(self.generate(request)?.collect().await?)
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}

/// Why there is no [`Completion`].
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The request was not accepted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The stream ended with an error.
    #[error(transparent)]
    Stream(#[from] Error),
}

/// What a backend is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendInfo {
    /// Its name, as [`Rejection::Unsupported`] and users spell it: `candle`, `mock`.
    pub name: String,
    /// The model that it runs.
    pub model: String,
    /// The device that really does the work, and how: `cpu (2 threads, avx512-vnni)`.
    pub device: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How much it can take.
    pub limits: Limits,
}

/// Who does what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Support {
    /// The engine itself.
    Native,
    /// The shared code around the engine.
    Core,
    /// Nobody: a request that asks for it is rejected.
    Unsupported,
}

/// What a backend can do, by the parameter that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Conversations, rendered by the model's chat template.
    pub chat: Support,
    /// Prompts of token ids.
    pub token_prompts: Support,
    /// Temperature, top-k, top-p and min-p.
    pub sampling: Support,
    /// Repetition, presence and frequency penalties.
    pub penalties: Support,
    /// Repeatable draws.
    pub seed: Support,
    /// Stop strings.
    pub stop_strings: Support,
    /// Stop ids, and going on after the model's own end tokens.
    pub stop_ids: Support,
    /// A least number of tokens.
    pub min_tokens: Support,
    /// Records carry their token's id.
    pub token_ids: Support,
    /// Whether a request's greedy ids are the same alone and in any batch.
    pub batch_invariant: bool,
}

impl Capabilities {
    /// Everything, done by the shared code: what an engine in the shared loop has.
    pub const fn core() -> Self {
        Self::all(Support::Core)
    }

    /// Everything, done by the same hand.
    pub const fn all(by: Support) -> Self {
        Self {
            chat: by,
            token_prompts: by,
            sampling: by,
            penalties: by,
            seed: by,
            stop_strings: by,
            stop_ids: by,
            min_tokens: by,
            token_ids: by,
            batch_invariant: true,
        }
    }

    /// Whether everything that the request asks for can be honoured.
    ///
    /// # Errors
    /// [`Rejection::Unsupported`] with the first parameter that cannot.
    pub fn check(&self, request: &Request, backend: &str) -> Result<(), Rejection> {
        self.asked(request)
            .into_iter()
            .find(|(asked, _, support)| *asked && *support == Support::Unsupported)
            .map_or(Ok(()), |(_, parameter, _)| {
                Err(Rejection::Unsupported {
                    parameter,
                    backend: backend.to_owned(),
                })
            })
    }

    fn asked(&self, request: &Request) -> [(bool, &'static str, Support); 8] {
        use crate::{Prompt, Sampling};
        let (sampling, stop) = (request.sampling(), request.stop());
        let drawn = Sampling::default();
        let shaped = sampling.temperature() != drawn.temperature()
            || sampling.top_k().is_some()
            || sampling.top_p() != drawn.top_p()
            || sampling.min_p() != drawn.min_p();
        let stop_ids = !stop.ids().is_empty() || stop.ignore_eos();
        let prompt = request.prompt();
        [
            (matches!(prompt, Prompt::Chat(_)), "messages", self.chat),
            (
                matches!(prompt, Prompt::Tokens(_)),
                "prompt token ids",
                self.token_prompts,
            ),
            (shaped, "temperature, top_k, top_p, min_p", self.sampling),
            (sampling.has_penalties(), "penalties", self.penalties),
            (sampling.seed().is_some(), "seed", self.seed),
            (!stop.strings().is_empty(), "stop", self.stop_strings),
            (stop_ids, "stop_token_ids, ignore_eos", self.stop_ids),
            (stop.min_tokens() > 0, "min_tokens", self.min_tokens),
        ]
    }
}

/// How much a backend can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of prompt and answer together; `None` where a remote engine does not tell.
    pub context_length: Option<usize>,
    /// Requests that may wait.
    pub queue: usize,
    /// Requests that are worked on at once.
    pub concurrent: usize,
}

/// Whether a backend can take requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It loads its model.
    Loading,
    /// It takes requests.
    Ready,
    /// It takes no more requests and lets the accepted ones end.
    Draining,
    /// It is broken, and why.
    Failed(Arc<str>),
}

/// What a backend does now, and what it has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Sequences that hold KV blocks now.
    pub running: usize,
    /// Sequences that wait for KV blocks now: new ones, and preempted ones.
    pub waiting: usize,
    /// KV blocks in use now.
    pub kv_blocks_used: usize,
    /// KV blocks in all.
    pub kv_blocks_total: usize,
    /// Steps that were begun.
    pub steps: u64,
    /// How often a sequence lost its KV blocks and had to be computed again.
    pub preemptions: u64,
    /// Tokens of the prompts of all requests that were taken up.
    pub prompt_tokens: u64,
    /// Tokens that the model chose, also those that came too late to be sent.
    pub completion_tokens: u64,
    /// Requests that came to the end of their answer.
    pub requests_finished: u64,
    /// Requests whose stream was ended before, from outside: cancelled, past a deadline, stalled
    /// by a slow reader, or shut down.
    pub requests_cancelled: u64,
    /// Requests that the engine ended with an error.
    pub requests_failed: u64,
}

/// What became of the accepted requests when a backend was drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Streams that came to their own end.
    pub finished: usize,
    /// Streams that were ended with [`Error::ShutDown`].
    pub aborted: usize,
}

#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn info(&self) -> &BackendInfo {
        (**self).info()
    }
    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        (**self).submit(request, sink)
    }
    async fn health(&self) -> Health {
        (**self).health().await
    }
    fn stats(&self) -> Option<Stats> {
        (**self).stats()
    }
    async fn drain(&self, deadline: Instant) -> Drained {
        (**self).drain(deadline).await
    }
}

#[async_trait]
impl<B: Backend + ?Sized> Backend for Box<B> {
    fn info(&self) -> &BackendInfo {
        (**self).info()
    }
    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        (**self).submit(request, sink)
    }
    async fn health(&self) -> Health {
        (**self).health().await
    }
    fn stats(&self) -> Option<Stats> {
        (**self).stats()
    }
    async fn drain(&self, deadline: Instant) -> Drained {
        (**self).drain(deadline).await
    }
}
