//! Spans of OpenTelemetry, with the attributes of its semantic conventions for generative AI
//! (`gen_ai.*`, <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). The time to
//! first token has the name of the conventions' metric. Neither prompts nor answers are told.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::global::{BoxedSpan, BoxedTracer, ObjectSafeTracer};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use stream_core::{Request, Usage};

use crate::ServerConfig;
use crate::answer::Head;
use crate::error::ApiError;
use crate::job::Kind;

/// Who is told, if anyone.
#[derive(Clone, Default)]
pub(crate) struct Spans(Option<Arc<BoxedTracer>>);

/// A request's span. One that is dropped before its end says that the client went away.
pub(crate) struct Span(Option<BoxedSpan>);

impl ServerConfig {
    /// Makes a span of each request that reaches the model, as a child of the caller's where the
    /// request has a `traceparent` (W3C Trace Context). The tracer's provider is to be shut down
    /// after the server, so that no span is lost.
    pub fn tracer(mut self, tracer: impl ObjectSafeTracer + Send + Sync + 'static) -> Self {
        self.spans = Spans(Some(Arc::new(BoxedTracer::new(Box::new(tracer)))));
        self
    }
}

impl Spans {
    pub(crate) fn start(
        &self,
        headers: &HeaderMap,
        head: &Head,
        request: Option<&Request>,
    ) -> Span {
        Span(self.0.as_ref().map(|tracer| {
            let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
            let name = format!("{} {}", operation(head), head.form.model);
            let builder = tracer.span_builder(name).with_kind(SpanKind::Server);
            let builder = builder.with_attributes(asked(head, request));
            tracer.build_with_context(builder, &parent)
        }))
    }
}

fn operation(head: &Head) -> &'static str {
    match head.form.kind {
        Kind::Chat => "chat",
        Kind::Completion => "text_completion",
    }
}

fn asked(head: &Head, request: Option<&Request>) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("gen_ai.operation.name", operation(head)),
        KeyValue::new("gen_ai.provider.name", "stream-engine"),
        KeyValue::new("gen_ai.request.model", head.form.model.clone()),
        KeyValue::new("gen_ai.request.choice.count", number(head.n)),
        KeyValue::new("gen_ai.response.model", head.form.model.clone()),
        KeyValue::new("gen_ai.response.id", head.id.clone()),
    ];
    if let Some(request) = request {
        let sampling = request.sampling();
        let (temperature, top_p) = (sampling.temperature(), sampling.top_p());
        let temperature = f64::from(temperature);
        all.push(KeyValue::new("gen_ai.request.temperature", temperature));
        all.push(KeyValue::new("gen_ai.request.top_p", f64::from(top_p)));
        if let Some(tokens) = request.max_tokens() {
            all.push(KeyValue::new("gen_ai.request.max_tokens", number(tokens)));
        }
    }
    all
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Span {
    /// The answer was given, whose choices ended for `reasons`, in OpenAI's words.
    pub(crate) fn end(
        &mut self,
        usage: Usage,
        reasons: &[&'static str],
        first_token: Option<Duration>,
    ) {
        let Some(mut span) = self.0.take() else {
            return;
        };
        let reasons = reasons.iter().copied().map(StringValue::from).collect();
        span.set_attributes([
            KeyValue::new("gen_ai.usage.input_tokens", number(usage.prompt_tokens)),
            KeyValue::new(
                "gen_ai.usage.output_tokens",
                number(usage.completion_tokens),
            ),
            KeyValue::new(
                "gen_ai.response.finish_reasons",
                Value::Array(Array::String(reasons)),
            ),
        ]);
        if let Some(time) = first_token {
            let name = "gen_ai.server.time_to_first_token";
            span.set_attribute(KeyValue::new(name, time.as_secs_f64()));
        }
        span.end();
    }

    /// There was no answer, or not the whole one.
    pub(crate) fn fail(&mut self, error: &ApiError) {
        self.close(error.body.r#type);
    }

    fn close(&mut self, kind: &'static str) {
        if let Some(mut span) = self.0.take() {
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(kind));
            span.end();
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.close("client_disconnected");
    }
}
