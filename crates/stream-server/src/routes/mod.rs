//! What is served, and under which address.

mod generate;
mod models;
mod pages;
mod status;
mod tokens;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;

use crate::error::ApiError;
use crate::guard;
use crate::state::App;

/// The description of everything that is served.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "stream-engine",
        description = "An OpenAI-compatible server over any engine"
    ),
    paths(
        generate::chat,
        generate::completions,
        models::list,
        models::one,
        tokens::tokenize,
        tokens::detokenize,
        status::health,
        status::ready,
        status::version,
        status::metrics,
    )
)]
struct Description;

/// Every route, behind every guard.
pub(crate) fn router(app: App) -> Router {
    let limit = app.config.limits.body;
    let routes = Router::new()
        .route("/v1/chat/completions", post(generate::chat))
        .route("/v1/completions", post(generate::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::one))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/version", get(status::version))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(description))
        .route("/docs", get(pages::docs))
        .route("/", get(pages::chat))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(limit))
        .with_state(app.clone());
    guard::guarded(routes, app).layer(CatchPanicLayer::custom(panicked))
}

async fn description() -> impl IntoResponse {
    axum::Json(Description::openapi())
}

async fn unknown(uri: axum::http::Uri) -> ApiError {
    let message = format!("there is nothing at {}", uri.path());
    ApiError::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        Some("unknown_url"),
        message,
    )
}

async fn not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let message = format!("{method} is not possible at {}", uri.path());
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        None,
        message,
    )
}

/// A handler that panicked fails its own request, and says no more than that.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request's handler panicked");
    ApiError::internal().into_response()
}
