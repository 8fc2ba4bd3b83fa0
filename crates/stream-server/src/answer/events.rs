//! A streamed answer: the body of a response whose frames are written as tokens come.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use stream_core::{Error, TokenStream};
use tokio::time::{Instant, Sleep, sleep};

use super::choice::Choice;
use super::{Head, usage};
use crate::error::ApiError;
use crate::reply::WireUsage;
use crate::span::Span;
use crate::sse;
use crate::state::Place;

/// A frame takes what is there, up to about so many bytes.
const FRAME: usize = 32 << 10;

/// The events of an answer. Each frame holds all that its streams say at that moment, so that a
/// step of the model is one write to the connection. Dropping it cancels the streams.
pub(crate) struct Events {
    head: Head,
    choices: Vec<Choice>,
    buffer: BytesMut,
    keep_alive: Duration,
    /// When the next comment is due.
    silence: Pin<Box<Sleep>>,
    finished: bool,
    span: Span,
    _place: Place,
}

impl Events {
    pub(crate) fn new(
        head: Head,
        streams: Vec<TokenStream>,
        keep_alive: Duration,
        place: Place,
        span: Span,
    ) -> Self {
        let choices = streams.into_iter().enumerate();
        let choices = choices.map(|(i, stream)| Choice::new(stream, &head, i));
        Self {
            choices: choices.collect(),
            head,
            buffer: BytesMut::new(),
            keep_alive,
            silence: Box::pin(sleep(keep_alive)),
            finished: false,
            span,
            _place: place,
        }
    }

    /// Waits until one of the streams says something, but no longer than `hold`.
    ///
    /// # Errors
    /// The error with which a stream ended before anything was said.
    pub(crate) async fn first(&mut self, hold: Duration) -> Result<(), ApiError> {
        let first = poll_fn(|cx| {
            let choices = self.choices.iter_mut();
            let mut said = choices.map(|choice| choice.poll_first(cx));
            said.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        let said = tokio::time::timeout(hold, first).await.unwrap_or(Ok(()));
        let said = said.map_err(ApiError::from);
        said.inspect_err(|error| self.span.fail(error))
    }

    /// Writes what the streams say now.
    fn fill(&mut self, cx: &mut Context<'_>) {
        for choice in self.choices.iter_mut().filter(|choice| !choice.ended) {
            if let Poll::Ready(Err(error)) = choice.poll_write(cx, &mut self.buffer, FRAME) {
                return self.fail(error);
            }
        }
        if self.choices.iter().all(|choice| choice.ended) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let usage = usage(self.choices.iter().map(Choice::usage), self.head.n);
        let reasons: Vec<_> = self.choices.iter().filter_map(Choice::reason).collect();
        let first_token = self.choices.iter().filter_map(Choice::first_token).min();
        self.span.end(usage, &reasons, first_token);
        if self.head.form.include_usage {
            let json = serde_json::to_string(&WireUsage::from(usage)).unwrap_or_default();
            sse::usage(&mut self.buffer, self.head.chunk(), &json);
        }
        self.close();
    }

    /// The whole answer ends with the first of its streams that fails.
    fn fail(&mut self, error: Error) {
        // Others had a say in its words: as a quoted text it stays on its line.
        tracing::warn!(id = self.head.id, error = ?error.to_string(), "a streamed answer failed");
        let error = ApiError::from(error);
        self.span.fail(&error);
        let body = error.event();
        let json = serde_json::to_vec(&body).unwrap_or_default();
        sse::data(&mut self.buffer, &json);
        self.close();
    }

    fn close(&mut self) {
        self.buffer.extend_from_slice(sse::DONE);
        self.finished = true;
        self.choices.clear();
    }

    fn take(&mut self) -> Bytes {
        self.silence
            .as_mut()
            .reset(Instant::now() + self.keep_alive);
        self.buffer.split().freeze()
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        self.fill(cx);
        if self.buffer.is_empty() && self.silence.as_mut().poll(cx).is_ready() {
            self.buffer.extend_from_slice(sse::COMMENT);
        }
        match self.buffer.is_empty() {
            true => {
                // The time of the next comment was set anew if one was due.
                Poll::Pending
            }
            false => Poll::Ready(Some(Ok(Frame::data(self.take())))),
        }
    }
}
