//! The accept loop, and the end of a server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use stream_core::{Backend, Drained};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::ToSocketAddrs;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::guard::BoundTo;
use crate::listen::{Listener, Port};
use crate::patience::Patience;
use crate::routes;
use crate::state::App;
use crate::{Limits, ServerConfig};

/// How long the accept loop rests when the system has no descriptor for a connection.
const REST: Duration = Duration::from_millis(100);
/// How often recorded times are summed up.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long connections get to write what the drained streams said last.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("the server cannot listen at {address}: {source}{}", hint(source))]
    Bind {
        /// As it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Everyone who reaches the address would be let in.
    #[error(
        "{address} is not a loopback address, and no key is set: whoever reaches it could use \
         the model; set a key, or say that this is wanted"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
}

/// What to do about it.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "; end what listens there, or choose another",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// The routes over a backend, for a server or a test of one's own. Without [`Server`] there are no
/// limits to heads, connections and stalled readers, and host names are not looked at.
pub fn router(backend: Arc<dyn Backend>, config: ServerConfig) -> Router {
    routes::router(App::new(backend, config))
}

/// A server that listens, and answers from [`run`](Self::run) on.
#[derive(Debug)]
pub struct Server<L = Port> {
    listener: L,
    app: App,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens at an address; port 0 is any that is free.
    ///
    /// # Errors
    /// If the address cannot be had, or would let everyone in without a key.
    pub async fn bind(
        address: impl ToSocketAddrs + std::fmt::Debug,
        backend: Arc<dyn Backend>,
        config: ServerConfig,
    ) -> Result<Self, ServeError> {
        let listener = Port::bind(&address).await;
        let listener = listener.map_err(|source| cannot(format!("{address:?}"), source))?;
        let server = Self {
            listener,
            app: App::new(backend, config),
        };
        let address = server.address();
        let config = &server.app.config;
        let guarded = address.ip().is_loopback() || !config.api_keys.is_empty();
        match guarded || config.insecure {
            true => Ok(server),
            false => Err(ServeError::Open { address }),
        }
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }
}

fn cannot(address: String, source: io::Error) -> ServeError {
    ServeError::Bind { address, source }
}

#[cfg(unix)]
impl Server<crate::listen::Socket> {
    /// Listens at a socket in the file system, whose permissions say who is let in. It is removed
    /// when the server ends.
    ///
    /// # Errors
    /// If the path cannot be had.
    pub async fn bind_unix(
        path: impl AsRef<std::path::Path>,
        backend: Arc<dyn Backend>,
        config: ServerConfig,
    ) -> Result<Self, ServeError> {
        let path = path.as_ref();
        let listener = crate::listen::Socket::bind(path).await;
        Ok(Self {
            listener: listener.map_err(|e| cannot(path.display().to_string(), e))?,
            app: App::new(backend, config),
        })
    }

    /// Where it listens.
    pub fn path(&self) -> &std::path::Path {
        self.listener.path()
    }
}

impl<L: Listener> Server<L> {
    /// Answers until `shutdown` is ready, and then drains: `/ready` says 503 and new requests are
    /// refused, those that are being answered go on for [`Limits::drain`], and what is left then
    /// ends with an error event.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let limits = self.app.config.limits;
        let service = routes::router(self.app.clone());
        let accepting = Accepting {
            limits,
            service: match self.listener.ip() {
                Some(ip) => service.layer(axum::Extension(BoundTo(ip))),
                None => service,
            },
            connections: Arc::new(Semaphore::new(limits.connections)),
            graceful: GracefulShutdown::new(),
        };
        let metrics = self.app.config.metrics.clone();
        tokio::select! {
            () = upkeep(metrics) => Drained::default(),
            () = accepting.run(&self.listener) => Drained::default(),
            drained = drain_after(shutdown, &self.app) => {
                drop(self.listener);
                accepting.say_farewell().await;
                drained
            }
        }
    }
}

/// Keeps the memory of recorded times bounded where nobody asks for them.
async fn upkeep(metrics: Option<metrics_exporter_prometheus::PrometheusHandle>) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        if let Some(metrics) = &metrics {
            metrics.run_upkeep();
        }
    }
}

/// Drains the backend once `shutdown` is ready. Until that is done connections are accepted: who
/// comes is told to come later.
async fn drain_after(shutdown: impl Future<Output = ()>, app: &App) -> Drained {
    shutdown.await;
    app.start_draining();
    let requests = app.answering();
    tracing::info!(requests, "shutting down");
    let deadline = Instant::now() + app.config.limits.drain;
    app.backend.drain(deadline).await
}

struct Accepting {
    limits: Limits,
    service: Router,
    connections: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Accepting {
    async fn run(&self, listener: &impl Listener) {
        loop {
            let Ok(place) = self.connections.clone().acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok(stream) => self.serve(stream, place),
                Err(error) => {
                    // No descriptor is free, or the connection is gone already.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn serve<S>(&self, stream: S, place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Patience::new(stream, self.limits.write_timeout));
        let service = self.service.clone();
        let service = service.map_request(|request: hyper::Request<hyper::body::Incoming>| {
            request.map(axum::body::Body::new)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.head.max(8 << 10))
            .max_headers(self.limits.headers)
            .serve_connection(io, TowerToHyperService::new(service));
        let watched = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended badly");
            }
            drop(place);
        });
    }

    async fn say_farewell(self) {
        let _ = tokio::time::timeout(FAREWELL, self.graceful.shutdown()).await;
    }
}
