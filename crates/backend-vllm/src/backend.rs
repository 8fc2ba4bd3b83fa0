//! The backend.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value};
use stream_core::{
    Backend, BackendInfo, Drained, Enrolled, Health, Limits, Prompt, Rejected, Rejection, Request,
    Roster, TokenSink,
};
use tokio::runtime::Runtime;

use crate::answer::{Job, Shared, answer};
use crate::body::{NAME, body};
use crate::client::client;
use crate::config::VllmConfig;
use crate::discover::{Found, discover};
use crate::error::ConnectError;
use crate::known::Known;
use crate::pool::Pool;

/// Threads that drive connections; they wait for the network and compute nearly nothing.
const THREADS: usize = 2;

/// A remote engine: vLLM, or anything else that speaks its API.
///
/// It has threads of its own, so that it works with and without an async runtime around it. The
/// ids of its records are those that the server tells, and none where it tells none; then each
/// event counts as one token.
pub struct Vllm {
    info: BackendInfo,
    known: Known,
    extra: Map<String, Value>,
    shared: Arc<Shared>,
    roster: Roster,
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
}

impl Vllm {
    /// Asks the servers what they serve, and is ready.
    ///
    /// # Errors
    /// If the key cannot be read, an address is none, no server answers, or the model is not
    /// there.
    pub fn connect(config: VllmConfig) -> Result<Self, ConnectError> {
        for url in &config.urls {
            check(url)?;
        }
        let client = client(&config)?;
        let pool = Arc::new(Pool::new(&config.urls));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("stream-remote")
            .enable_all()
            .build()
            .map_err(|e| ConnectError::Client(e.to_string().into()))?;
        let (config, found) = ask(&runtime, config, &client, &pool)?;
        let health = config.timeouts.health;
        runtime.spawn(pool.clone().watch(client.clone(), health));
        Ok(Self {
            info: info(&config, &found, &pool),
            known: found.known,
            roster: Roster::new(config.concurrent),
            shared: Arc::new(Shared {
                client,
                pool,
                retries: config.retries,
                patience: config.timeouts.retry,
                most_bytes: config.most_bytes,
            }),
            extra: config.extra,
            runtime: Some(runtime),
        })
    }

    fn admit(&self, request: &Request, sink: &TokenSink) -> Result<(Job, Enrolled), Rejection> {
        self.info.capabilities.check(request, &self.info.name)?;
        self.check_length(request)?;
        let place = self.roster.enroll(sink.gate())?;
        let body = body(request, &self.info.model, &self.known, &self.extra)?;
        let top = request.logprobs().unwrap_or(0);
        Ok((Job::new(body, top, request.echo()), place))
    }

    /// The length of a prompt of ids is known here; of others the server tells.
    fn check_length(&self, request: &Request) -> Result<(), Rejection> {
        let (Prompt::Tokens(ids), Some(context_length)) =
            (request.prompt(), self.info.limits.context_length)
        else {
            return Ok(());
        };
        let least = request.stop().min_tokens().max(1);
        let max_tokens = request.max_tokens().unwrap_or(least);
        match ids.len().saturating_add(max_tokens) > context_length {
            false => Ok(()),
            true => Err(Rejection::ContextLengthExceeded {
                model: self.info.model.clone(),
                prompt_tokens: ids.len(),
                max_tokens,
                context_length,
            }),
        }
    }
}

/// Asks on the runtime's own threads: the caller may stand in another runtime, where blocking on
/// this one is not allowed.
fn ask(
    runtime: &Runtime,
    config: VllmConfig,
    client: &reqwest::Client,
    pool: &Arc<Pool>,
) -> Result<(VllmConfig, Found), ConnectError> {
    let (send, found) = std::sync::mpsc::channel();
    let (client, pool) = (client.clone(), pool.clone());
    runtime.spawn(async move {
        let found = discover(&config, &client, &pool).await;
        // The receiver waits below.
        let _ = send.send(found.map(|found| (config, found)));
    });
    let lost = || ConnectError::Client("the thread that asks the server panicked".into());
    found.recv().map_err(|_| lost())?
}

fn check(url: &url::Url) -> Result<(), ConnectError> {
    let problem = match (url.scheme(), url.query(), url.password()) {
        ("http" | "https", None, None) => return Ok(()),
        ("http" | "https", Some(_), _) => "it has a query",
        ("http" | "https", _, Some(_)) => "a key belongs into a variable or a file",
        _ => "it must begin with http:// or https://",
    };
    Err(ConnectError::Url {
        url: format!("{}://{}", url.scheme(), url.host_str().unwrap_or("")),
        problem,
    })
}

fn info(config: &VllmConfig, found: &Found, pool: &Pool) -> BackendInfo {
    let servers: Vec<_> = pool.bases().collect();
    BackendInfo {
        name: NAME.to_owned(),
        model: found.model.clone(),
        device: servers.join(", "),
        capabilities: config
            .capabilities
            .unwrap_or_else(|| found.known.capabilities()),
        limits: Limits {
            context_length: found.context_length,
            queue: 0,
            concurrent: config.concurrent,
        },
    }
}

#[async_trait]
impl Backend for Vllm {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let (job, place) = match self.admit(&request, &sink) {
            Ok(admitted) => admitted,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        let Some(runtime) = &self.runtime else {
            return Err(Rejected::new(Rejection::ShuttingDown, request, sink));
        };
        runtime.spawn(answer(self.shared.clone(), job, sink, place));
        Ok(())
    }

    async fn health(&self) -> Health {
        match (self.roster.is_closed(), self.shared.pool.is_healthy()) {
            (true, _) => Health::Draining,
            (false, true) => Health::Ready,
            (false, false) => Health::Failed("no server answers".into()),
        }
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.roster.drain(deadline).await
    }
}

impl Drop for Vllm {
    fn drop(&mut self) {
        self.roster.close();
        self.roster.fail_all(&stream_core::Error::ShutDown);
        if let Some(runtime) = self.runtime.take() {
            // To wait for its threads is not allowed inside of another runtime.
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Vllm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vllm")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}
