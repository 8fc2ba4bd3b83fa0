//! How the server is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stream_core::Health;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::metrics::with_vllm_names;
use crate::state::App;

/// What runs, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// `loading`, `ready`, `draining` or `failed`.
    #[schema(value_type = String)]
    status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    backend: String,
    /// The device that really does the work.
    device: String,
    /// Requests that are being answered.
    requests: usize,
}

/// This program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    #[schema(value_type = String)]
    version: &'static str,
}

async fn status(app: &App) -> Status {
    let (status, reason) = match app.backend.health().await {
        Health::Failed(reason) => ("failed", Some(reason.to_string())),
        _ if app.is_draining() => ("draining", None),
        Health::Loading => ("loading", None),
        Health::Ready => ("ready", None),
        Health::Draining => ("draining", None),
    };
    let info = app.backend.info();
    Status {
        status,
        reason,
        backend: info.name.clone(),
        device: info.device.clone(),
        requests: app.answering(),
    }
}

fn told(status: Status, good: bool) -> Response {
    let code = match good {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(status)).into_response()
}

/// Whether the process should go on: 503 once the engine has failed.
#[utoipa::path(
    get, path = "/health",
    responses((status = 200, body = Status), (status = 503, body = Status))
)]
pub(super) async fn health(State(app): State<App>) -> Response {
    let status = status(&app).await;
    let good = status.status != "failed";
    told(status, good)
}

/// Whether requests should be sent here: 503 while loading and draining too.
#[utoipa::path(
    get, path = "/ready",
    responses((status = 200, body = Status), (status = 503, body = Status))
)]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let status = status(&app).await;
    let good = status.status == "ready";
    told(status, good)
}

/// Which version runs.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)))]
pub(super) async fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Metrics in Prometheus's text format.
#[utoipa::path(
    get, path = "/metrics",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let Some(handle) = &app.config.metrics else {
        let status = StatusCode::NOT_IMPLEMENTED;
        let message = "this server was started without metrics";
        return Err(ApiError::new(
            status,
            "invalid_request_error",
            None,
            message,
        ));
    };
    let mut text = handle.render();
    if app.config.vllm_metrics {
        text = with_vllm_names(&text, app.model(None)?);
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
