//! The contract that every engine keeps.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::{
    Capabilities, Choices, Completion, Error, Latencies, Rejected, Request, TokenSink, TokenStream,
    channel,
};

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
    /// If the backend will not take the request, or it asks for more than one answer.
    fn generate(&self, request: Request) -> Result<TokenStream, Rejected> {
        let (sink, stream) = channel(&request);
        self.submit(request, sink)?;
        Ok(stream)
    }

    /// Submits a request for several answers, [`Request::n`] of them, and gives a stream for
    /// each. Each is a request of its own, with draws of its own.
    ///
    /// # Errors
    /// If the backend will not take all of them. Those that it took are cancelled, and the
    /// request comes back whole.
    fn generate_choices(&self, request: Request) -> Result<Choices, Rejected> {
        let mut streams = Vec::with_capacity(request.n());
        for choice in request.clone().into_choices() {
            match self.generate(choice) {
                Ok(stream) => streams.push(stream),
                Err(rejected) => return Err(rejected.for_request(request)),
            }
        }
        Ok(Choices::new(streams))
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
    /// Its name, as [`Rejection::Unsupported`](crate::Rejection::Unsupported) and users spell it: `candle`, `mock`.
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
    /// Tokens of the requests that could take blocks over from the prefix cache, when they first
    /// got KV blocks. A request for log-probabilities of its prompt cannot.
    pub prefix_cache_queries: u64,
    /// Those of them that were in the prefix cache, and were not computed.
    pub prefix_cache_hits: u64,
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
    /// Tokens that were tried ahead by speculative decoding.
    pub drafted_tokens: u64,
    /// Those of them that were what the model chose. They count as completion tokens too.
    pub accepted_tokens: u64,
    /// Logits that were no numbers, in rows that a token was chosen from all the same: such a
    /// logit counts as −∞.
    pub nan_logits: u64,
    /// Rows of all steps: over [`steps`](Self::steps) they are the mean size of a batch.
    pub rows: u64,
    /// How long things took.
    pub latencies: Latencies,
}

/// What became of the accepted requests when a backend was drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Streams that came to their own end.
    pub finished: usize,
    /// Streams that were ended with [`Error::ShutDown`].
    pub aborted: usize,
}

/// A pointer to a backend is that backend.
macro_rules! delegate {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<B: Backend + ?Sized> Backend for $pointer<B> {
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
    )*};
}

delegate!(Arc, Box);
