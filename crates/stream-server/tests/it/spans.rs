//! The spans of requests, as an exporter gets them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use stream_core::{Backend, Error, Mock};
use stream_server::{ServerConfig, router};
use stream_testkit::{Act, Scripted};

use crate::client::{post, send};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

struct Traced {
    router: axum::Router,
    exporter: InMemorySpanExporter,
}

impl Traced {
    fn new(backend: impl Backend) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let config = ServerConfig::default().name("small");
        let config = config.tracer(provider.tracer("test"));
        Self {
            router: router(Arc::new(backend), config),
            exporter,
        }
    }

    /// The only span that a request makes.
    async fn span(&self, request: Request<Body>) -> SpanData {
        send(&self.router, request).await;
        let mut spans = self.exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1, "{spans:?}");
        self.exporter.reset();
        spans.remove(0)
    }
}

fn chat(more: Value) -> Request<Body> {
    let mut body = json!({"messages": [{"role": "user", "content": "SECRET"}], "max_tokens": 2});
    let members = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    post("/v1/chat/completions", body)
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut all = span.attributes.iter();
    let found = all.find(|attribute| attribute.key.as_str() == name)?;
    Some(found.value.to_string())
}

#[tokio::test]
async fn a_request_is_one_span_below_its_callers() {
    let traced = Traced::new(Mock::new(["a", "b", "c"]).with_prompt_tokens(5));
    for stream in [false, true] {
        let mut request = chat(json!({"stream": stream, "n": 1}));
        let parent = format!("00-{TRACE}-{PARENT}-01").parse().unwrap();
        request.headers_mut().insert("traceparent", parent);
        let span = traced.span(request).await;
        assert_eq!(span.name, "chat small");
        assert_eq!(span.span_kind, SpanKind::Server);
        assert_eq!(span.span_context.trace_id().to_string(), TRACE);
        assert_eq!(span.parent_span_id.to_string(), PARENT);
        assert_eq!(span.status, Status::Unset);
        for (name, value) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.request.model", "small"),
            ("gen_ai.request.max_tokens", "2"),
            ("gen_ai.usage.input_tokens", "5"),
            ("gen_ai.usage.output_tokens", "2"),
            ("gen_ai.response.finish_reasons", "[\"length\"]"),
        ] {
            let found = attribute(&span, name);
            assert_eq!(found.as_deref(), Some(value), "{name}, streamed: {stream}");
        }
        let first = attribute(&span, "gen_ai.server.time_to_first_token").unwrap();
        assert!(first.parse::<f64>().unwrap() > 0.0);
        assert!(!format!("{span:?}").contains("SECRET"));
    }
}

#[tokio::test]
async fn failures_are_told_before_and_after_the_first_token() {
    let failure = || Act::Fail(Error::Engine("broken".into()));
    for script in [vec![failure()], vec![Act::say("a"), failure()]] {
        let traced = Traced::new(Scripted::new(script));
        let span = traced.span(chat(json!({"stream": true}))).await;
        assert_eq!(span.parent_span_id.to_string(), "0000000000000000");
        assert_eq!(
            attribute(&span, "error.type").as_deref(),
            Some("server_error")
        );
        assert!(matches!(span.status, Status::Error { .. }));
    }
}
