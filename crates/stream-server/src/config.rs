//! How a server is set up.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle as Metrics;
use stream_core::{Sampling, Tokenizer};

use crate::span::Spans;

/// What a server serves, to whom, and within which limits.
#[derive(Clone)]
#[must_use]
pub struct ServerConfig {
    pub(crate) names: Vec<String>,
    pub(crate) tokenizer: Option<Arc<dyn Tokenizer>>,
    pub(crate) sampling: Sampling,
    pub(crate) api_keys: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) insecure: bool,
    pub(crate) limits: Limits,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) vllm_metrics: bool,
    pub(crate) spans: Spans,
}

/// How much and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that are answered or wait at once; one more is refused with 503.
    pub requests: usize,
    /// Connections at once; one more waits to be accepted.
    pub connections: usize,
    /// The most bytes of a body.
    pub body: usize,
    /// The most bytes of a request's head.
    pub head: usize,
    /// The most header fields of a request.
    pub headers: usize,
    /// The most prompts in one completion request.
    pub prompts: usize,
    /// From the opening of a connection, or the end of a request on it, to the next request's
    /// whole head.
    pub head_timeout: Duration,
    /// From the head to the whole body.
    pub body_timeout: Duration,
    /// How long a client may leave a written answer standing unread.
    pub write_timeout: Duration,
    /// How long the status of a streamed answer is held back for its first token; after that 200
    /// is sent, and comments keep the connection alive.
    pub hold_head: Duration,
    /// How often a comment is sent while there is no token.
    pub keep_alive: Duration,
    /// How long streams may go on after the shutdown began.
    pub drain: Duration,
}

impl Default for Limits {
    /// 1,024 requests on 4,096 connections; bodies of 2 MiB, heads of 16 KiB with 64 fields; 10 s
    /// for a head, 30 s for a body and for a stalled reader; the status is held for 30 s, comments
    /// come every 15 s, and a shutdown waits for 30 s.
    fn default() -> Self {
        Self {
            requests: 1024,
            connections: 4096,
            body: 2 << 20,
            head: 16 << 10,
            headers: 64,
            prompts: 32,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            hold_head: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            drain: Duration::from_secs(30),
        }
    }
}

impl Default for ServerConfig {
    /// The backend's own name for the model, nobody asked for a key, the default limits.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            tokenizer: None,
            sampling: Sampling::default(),
            api_keys: Vec::new(),
            hosts: Vec::new(),
            insecure: false,
            limits: Limits::default(),
            metrics: None,
            vllm_metrics: false,
            spans: Spans::default(),
        }
    }
}

impl ServerConfig {
    /// Adds a name under which clients know the model. The first stands in the answers; without
    /// any, the backend's own name for it does.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// The tokenizer behind `/tokenize` and `/detokenize`; without one they say that there is
    /// none.
    pub fn tokenizer(mut self, tokenizer: Option<Arc<dyn Tokenizer>>) -> Self {
        self.tokenizer = tokenizer;
        self
    }

    /// The sampling parameters of requests that leave them open.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Adds a key. With one or more, every request but those to `/health`, `/ready` and the empty
    /// page `/` must carry one of them as its bearer token.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_keys.push(key.into());
        self
    }

    /// Adds a host name that requests may name in their `Host` field. A server on a loopback
    /// address takes `localhost` and loopback addresses, and these; one on another address takes
    /// every name, or, where there are some, only these.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Lets everyone who reaches an address that is not loopback in without a key.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Other limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What `/metrics` tells, see [`install_metrics`](crate::install_metrics).
    pub fn metrics(mut self, handle: Metrics) -> Self {
        self.metrics = Some(handle);
        self
    }

    /// Tells metrics under vLLM's names too, where vLLM has them.
    pub fn vllm_metrics(mut self) -> Self {
        self.vllm_metrics = true;
        self
    }
}

impl std::fmt::Debug for ServerConfig {
    /// Keys are not told.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("names", &self.names)
            .field("api_keys", &self.api_keys.len())
            .field("hosts", &self.hosts)
            .field("insecure", &self.insecure)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
