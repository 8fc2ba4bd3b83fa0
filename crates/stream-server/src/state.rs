//! What all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use stream_core::Backend;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ServerConfig;
use crate::error::ApiError;

/// A backend, served. Clones share it.
#[derive(Clone)]
pub(crate) struct App {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: ServerConfig,
    /// When it was made, in seconds since 1970.
    pub(crate) created: u64,
    places: Arc<Semaphore>,
    draining: AtomicBool,
}

/// A request's place in the server, for as long as it is answered.
pub(crate) type Place = OwnedSemaphorePermit;

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl App {
    pub(crate) fn new(backend: Arc<dyn Backend>, mut config: ServerConfig) -> Self {
        if config.names.is_empty() {
            config.names.push(backend.info().model.clone());
        }
        Self {
            inner: Arc::new(Inner {
                backend,
                created: now(),
                places: Arc::new(Semaphore::new(config.limits.requests)),
                draining: AtomicBool::new(false),
                config,
            }),
        }
    }

    /// A place for one request.
    pub(crate) fn admit(&self) -> Result<Place, ApiError> {
        if self.is_draining() {
            return Err(ApiError::busy("the server is shutting down", None));
        }
        let limit = self.config.limits.requests;
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| {
            ApiError::busy(format!("the server answers {limit} requests already"), None)
        })
    }

    /// Requests that are being answered.
    pub(crate) fn answering(&self) -> usize {
        self.config.limits.requests - self.places.available_permits()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes no more requests.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The name that stands in answers, if a client may ask by `asked`.
    pub(crate) fn model(&self, asked: Option<&str>) -> Result<&str, ApiError> {
        let names = &self.config.names;
        let Some(asked) = asked else {
            return Ok(names.first().map_or("", String::as_str));
        };
        let known = names.iter().find(|name| *name == asked);
        known.map(String::as_str).ok_or_else(|| {
            let message = format!(
                "the model `{asked}` is not served here; served: {}",
                names.join(", ")
            );
            let status = axum::http::StatusCode::NOT_FOUND;
            let code = Some("model_not_found");
            ApiError::new(status, "invalid_request_error", code, message).about("model")
        })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}
