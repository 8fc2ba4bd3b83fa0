//! What is logged of a request: one span from its acceptance to its end.

use std::sync::atomic::{AtomicU64, Ordering};

use stream_core::{BackendInfo, Error, FinishReason, Gate, Request};
use tracing::{Level, Span};

/// A request's span, with its events. It goes from the caller's thread to the model's and to the
/// one that makes its text; where nobody listens it is empty and costs a look at that.
#[derive(Debug)]
pub(super) struct Trail(Span);

impl Trail {
    /// `id` is no other request's of this process, even if a [`Request`] is sent twice.
    pub(super) fn begin(
        info: &BackendInfo,
        request: &Request,
        prompt_tokens: usize,
        max_tokens: usize,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if !tracing::enabled!(Level::DEBUG) {
            return Self(Span::none());
        }
        Self(tracing::debug_span!(
            parent: None,
            "request",
            id = NEXT.fetch_add(1, Ordering::Relaxed),
            request = request.id(),
            backend = info.name,
            model = info.model,
            prompt_tokens,
            max_tokens,
        ))
    }

    /// A second hold on the span, which ends with the last.
    pub(super) fn share(&self) -> Self {
        Self(self.0.clone())
    }

    pub(super) fn scheduled(&self) {
        if !self.0.is_disabled() {
            tracing::debug!(parent: &self.0, "scheduled");
        }
    }

    pub(super) fn first_token(&self) {
        if !self.0.is_disabled() {
            tracing::debug!(parent: &self.0, "first token");
        }
    }

    /// Tells how the stream ends: so, unless it has ended otherwise before.
    pub(super) fn end(&self, gate: &Gate, outcome: &Result<FinishReason, Error>) {
        if self.0.is_disabled() {
            return;
        }
        let before = gate.end().map(|end| end.outcome);
        let reason = match before.as_ref().unwrap_or(outcome) {
            Ok(reason) => reason.as_str().to_owned(),
            Err(error) => error.to_string(),
        };
        let (usage, timings) = (gate.usage(), gate.timings());
        tracing::debug!(
            parent: &self.0,
            reason,
            completion_tokens = usage.completion_tokens,
            queue_time = ?timings.queue_time(),
            time_to_first_token = ?timings.time_to_first_token(),
            decode_time = ?timings.decode_time(),
            "end"
        );
    }
}
