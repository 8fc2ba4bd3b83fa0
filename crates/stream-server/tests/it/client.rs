//! A small client: a request to the routes, without a network.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use stream_core::Backend;
use stream_server::{ServerConfig, router};
use tower::ServiceExt;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The error's message.
    pub(crate) fn error(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The events of a stream, up to `[DONE]`, which must be the last.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events: Vec<_> = self.text.split("\n\n").collect();
        assert_eq!(events.pop(), Some(""), "{}", self.text);
        assert_eq!(events.pop(), Some("data: [DONE]"), "{}", self.text);
        let said = events.iter().filter(|event| !event.starts_with(':'));
        let json = said.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()));
        json.collect::<Result<_, _>>().unwrap()
    }

    /// The text of a streamed chat's choice.
    pub(crate) fn said(&self, choice: u64) -> String {
        let events = self.events();
        let choices = events.iter().flat_map(|event| event["choices"].as_array());
        let of = choices.flatten().filter(|c| c["index"] == choice);
        of.filter_map(|c| c["delta"]["content"].as_str().or(c["text"].as_str()))
            .collect()
    }
}

pub(crate) fn serve(backend: impl Backend) -> Router {
    router(Arc::new(backend), ServerConfig::default())
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.into()).unwrap(),
    }
}

pub(crate) fn post(path: &str, body: impl ToString) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

/// Asks for the next message of a chat, with more members.
pub(crate) async fn chat(router: &Router, more: Value) -> Answer {
    let mut body = serde_json::json!({"messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    send(router, post("/v1/chat/completions", body)).await
}

/// Asks for a completion, with more members.
pub(crate) async fn complete(router: &Router, more: Value) -> Answer {
    let mut body = serde_json::json!({"prompt": "Hi"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    send(router, post("/v1/completions", body)).await
}
