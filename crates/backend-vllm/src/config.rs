//! Which servers are asked, and how.

use std::path::PathBuf;
use std::time::Duration;

use stream_core::Capabilities;
use url::Url;

/// A remote engine: one or more servers that serve the same model.
///
/// ```
/// use backend_vllm::VllmConfig;
///
/// let config = VllmConfig::new("http://127.0.0.1:8000".parse()?).model("small");
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct VllmConfig {
    pub(crate) urls: Vec<Url>,
    pub(crate) model: Option<String>,
    pub(crate) key: Option<KeySource>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) parameters: Option<Vec<String>>,
    pub(crate) extra: serde_json::Map<String, serde_json::Value>,
    pub(crate) timeouts: Timeouts,
    pub(crate) retries: usize,
    pub(crate) concurrent: usize,
    pub(crate) most_bytes: usize,
}

/// Where the key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    Variable(String),
    File(PathBuf),
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// From one piece of an answer to the next, and to the first.
    pub idle: Duration,
    /// To wait and ask again, over all attempts of a request.
    pub retry: Duration,
    /// From one look at a server's health to the next.
    pub health: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect, 120 s of silence, 30 s of new attempts, a look at the health every 5 s. A
    /// total limit is a deadline of the request.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(120),
            retry: Duration::from_secs(30),
            health: Duration::from_secs(5),
        }
    }
}

impl VllmConfig {
    /// A server at this address, with or without `/v1` at its end. Addresses are the operator's:
    /// none is ever taken from a request or a redirect.
    pub fn new(url: Url) -> Self {
        Self {
            urls: vec![url],
            model: None,
            key: None,
            capabilities: None,
            parameters: None,
            extra: serde_json::Map::new(),
            timeouts: Timeouts::default(),
            retries: 2,
            concurrent: 256,
            most_bytes: 4 << 20,
        }
    }

    /// One more server with the same model.
    pub fn url(mut self, url: Url) -> Self {
        self.urls.push(url);
        self
    }

    /// The model's name there. Left out, it is the only one that the server serves.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// The environment variable that holds the key.
    pub fn key_from_env(mut self, variable: impl Into<String>) -> Self {
        self.key = Some(KeySource::Variable(variable.into()));
        self
    }

    /// The file that holds the key.
    pub fn key_from_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(KeySource::File(path.into()));
        self
    }

    /// What the server can do, where it does not tell by itself or tells wrongly.
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The names of the parameters that the server knows, instead of those that its
    /// `/openapi.json` lists.
    pub fn parameters<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.parameters = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// A member that is put into every request as it is: vLLM's `priority` or `cache_salt`.
    pub fn extra(mut self, name: impl Into<String>, value: serde_json::Value) -> Self {
        self.extra.insert(name.into(), value);
        self
    }

    /// Other limits of time.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How often a request is sent again before its first token. After that it never is.
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Requests at once, over all servers; one more is refused.
    pub fn concurrent(mut self, requests: usize) -> Self {
        self.concurrent = requests;
        self
    }

    /// The most bytes of one event, and of an answer that is not streamed.
    pub fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }
}
