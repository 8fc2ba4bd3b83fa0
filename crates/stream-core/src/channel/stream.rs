//! The reader's end of a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::FusedStream;

use super::blocking::Blocking;
use super::shared::{Shared, wake};
use crate::{End, Error, StreamToken, Timings, TokenId, TokenLogprobs, Usage};

/// The tokens of one request, as they are made.
///
/// Read it as a [`futures::Stream`], or as an iterator that blocks and needs no async runtime
/// (`for token in stream`). An error is the last item; after the last item, [`end`](Self::end)
/// tells how the stream ended. Dropping it cancels the request.
pub struct TokenStream {
    shared: Arc<Shared>,
    text: String,
    ids: Vec<TokenId>,
    logprobs: Vec<TokenLogprobs>,
    prompt_logprobs: Option<Vec<TokenLogprobs>>,
    /// An error that waits until the records before it were handed out.
    pub(super) deferred: Option<Error>,
    end: Option<End>,
}

impl std::fmt::Debug for TokenStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenStream")
            .field("tokens", &self.ids.len())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl TokenStream {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            text: String::new(),
            ids: Vec::new(),
            logprobs: Vec::new(),
            prompt_logprobs: None,
            deferred: None,
            end: None,
        }
    }

    /// All text read until now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The ids of all tokens read until now, coalesced ones included.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// How probable each token read until now was, if the request asked for it.
    pub fn logprobs(&self) -> &[TokenLogprobs] {
        &self.logprobs
    }

    /// How probable each token of the prompt after the first was, if the request asked for it;
    /// there from the first token on.
    pub fn prompt_logprobs(&self) -> Option<&[TokenLogprobs]> {
        self.prompt_logprobs.as_deref()
    }

    /// How the stream ended, once its last item was read.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Tokens of the prompt, and tokens made until now whether read or not.
    pub fn usage(&self) -> Usage {
        self.shared.lock().usage()
    }

    /// When the stations of the request were passed.
    pub fn timings(&self) -> Timings {
        self.shared.lock().timings
    }

    /// Decoding speed, see [`Timings::tokens_per_second`].
    pub fn tokens_per_second(&self) -> Option<f64> {
        self.timings().tokens_per_second()
    }

    /// A handle that cancels the request from anywhere.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle {
            shared: self.shared.clone(),
        }
    }

    /// Cancels the request. What was made before can still be read.
    pub fn abort(&self) {
        self.shared.cancel();
    }

    /// Reads by blocking this thread, without an async runtime.
    ///
    /// # Panics
    /// On a thread that drives async tasks, where blocking could deadlock; use the
    /// [`futures::Stream`] there.
    pub fn blocking(self) -> Blocking<Self> {
        Blocking::new(self)
    }

    fn note(&mut self, record: &StreamToken) {
        self.text.push_str(&record.text);
        self.ids.extend(record.ids());
        self.logprobs.extend(record.logprobs.iter().cloned());
    }

    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamToken>> {
        let mut state = self.shared.lock();
        if state.prompt_logprobs.is_some() {
            self.prompt_logprobs = state.prompt_logprobs.take();
        }
        if let Some((record, writer)) = self.shared.pop(&mut state) {
            drop(state);
            wake(writer);
            self.note(&record);
            return Poll::Ready(Some(record));
        }
        if let Some(end) = &state.end {
            self.deferred = end.outcome.clone().err();
            self.end = Some(end.clone());
            return Poll::Ready(None);
        }
        match &mut state.reader {
            Some(known) => known.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Stream for TokenStream {
    type Item = Result<StreamToken, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.end.is_none()
            && let Some(record) = std::task::ready!(self.poll_record(cx))
        {
            return Poll::Ready(Some(Ok(record)));
        }
        Poll::Ready(self.deferred.take().map(Err))
    }
}

impl FusedStream for TokenStream {
    fn is_terminated(&self) -> bool {
        self.end.is_some() && self.deferred.is_none()
    }
}

impl IntoIterator for TokenStream {
    type Item = Result<StreamToken, Error>;
    type IntoIter = Blocking<TokenStream>;

    /// See [`TokenStream::blocking`].
    fn into_iter(self) -> Self::IntoIter {
        Blocking::new(self)
    }
}

impl<'a> IntoIterator for &'a mut TokenStream {
    type Item = Result<StreamToken, Error>;
    type IntoIter = Blocking<&'a mut TokenStream>;

    /// See [`TokenStream::blocking`].
    fn into_iter(self) -> Self::IntoIter {
        Blocking::new(self)
    }
}

impl Drop for TokenStream {
    fn drop(&mut self) {
        self.shared.cancel();
    }
}

/// Cancels a request from anywhere. It keeps nothing alive but the stream's own small state.
#[derive(Clone)]
pub struct AbortHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AbortHandle")
            .field("ended", &self.is_ended())
            .finish_non_exhaustive()
    }
}

impl AbortHandle {
    /// Cancels the request; after its end this does nothing.
    pub fn abort(&self) {
        self.shared.cancel();
    }

    /// Whether the stream has ended, though its reader may not have read so far.
    pub fn is_ended(&self) -> bool {
        self.shared.is_closed()
    }
}
