//! Answers.

use axum::Json;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::answer::{Events, Head, submit, whole};
use crate::error::{ApiError, ErrorBody};
use crate::job::Job;
use crate::reply::Reply;
use crate::state::App;
use crate::wire::{Body, ChatRequest, CompletionRequest};

/// The assistant's next message.
#[utoipa::path(
    post, path = "/v1/chat/completions", request_body = ChatRequest,
    responses(
        (status = 200, body = Reply, description = "The answer; with `stream`, server-sent events"),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody),
    )
)]
pub(super) async fn chat(
    State(app): State<App>,
    headers: HeaderMap,
    Body(body): Body<ChatRequest>,
) -> Result<Response, ApiError> {
    let job = Job::chat(body, &app)?;
    answer(app, &headers, job).await
}

/// A text that goes on from a prompt.
#[utoipa::path(
    post, path = "/v1/completions", request_body = CompletionRequest,
    responses(
        (status = 200, body = Reply, description = "The answer; with `stream`, server-sent events"),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody),
    )
)]
pub(super) async fn completions(
    State(app): State<App>,
    headers: HeaderMap,
    Body(body): Body<CompletionRequest>,
) -> Result<Response, ApiError> {
    let job = Job::completion(body, &app)?;
    answer(app, &headers, job).await
}

async fn answer(app: App, headers: &HeaderMap, job: Job) -> Result<Response, ApiError> {
    let n = job.requests.first().map_or(1, stream_core::Request::n);
    let head = Head::new(job.form, n);
    tracing::debug!(id = head.id, prompts = job.requests.len(), n, "a request");
    let mut span = app.config.spans.start(headers, &head, job.requests.first());
    let place = app.admit().inspect_err(|error| span.fail(error))?;
    let streams = submit(&app, job.requests).await;
    let streams = streams.inspect_err(|error| span.fail(error))?;
    if !job.stream {
        let reply = whole(head, streams, &mut span).await?;
        drop(place);
        return Ok(Json(reply).into_response());
    }
    let limits = &app.config.limits;
    let mut events = Events::new(head, streams, limits.keep_alive, place, span);
    events.first(limits.hold_head).await?;
    Ok(streamed(events))
}

/// Nothing on the way may keep the events back.
fn streamed(events: Events) -> Response {
    let mut response = Response::new(ResponseBody::new(events));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
