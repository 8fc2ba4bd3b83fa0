//! Several answers to one request.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FusedStream;
use futures::{Stream, StreamExt};

use crate::{Blocking, Completion, Error, StreamToken, TokenStream, Usage};

/// A record with the number of the answer that it belongs to, from 0.
pub type ChoiceItem = (usize, Result<StreamToken, Error>);

/// The streams of one request's answers, see
/// [`generate_choices`](crate::BackendExt::generate_choices).
///
/// Each answer has a stream of its own, with its own buffer, end and cancel: take them apart
/// with [`into_streams`](Self::into_streams). Read together, as a [`futures::Stream`] or as an
/// iterator that blocks, they give records as they come, each with the number of its answer; an
/// error is the last item of its answer and does not touch the others. Dropping it cancels all.
#[derive(Debug)]
pub struct Choices {
    streams: Vec<TokenStream>,
    /// The one to be asked first, so that none is starved.
    first: usize,
}

impl Choices {
    pub(crate) fn new(streams: Vec<TokenStream>) -> Self {
        Self { streams, first: 0 }
    }

    /// The stream of each answer, for its text, usage and end.
    pub fn streams(&self) -> &[TokenStream] {
        &self.streams
    }

    /// The streams, each to be read by itself.
    pub fn into_streams(self) -> Vec<TokenStream> {
        self.streams
    }

    /// Tokens of the prompt, counted once, and tokens made until now in all answers. Cached are
    /// those that the first answer found, because the others may have found what it computed.
    pub fn usage(&self) -> Usage {
        let usages = self.streams.iter().map(TokenStream::usage);
        let sum = |sum: Usage, next: Usage| Usage {
            completion_tokens: sum.completion_tokens + next.completion_tokens,
            ..sum
        };
        usages.reduce(sum).unwrap_or_default()
    }

    /// Cancels every answer.
    pub fn abort(&self) {
        self.streams.iter().for_each(TokenStream::abort);
    }

    /// Reads all to their ends and gives the whole answers in their order.
    ///
    /// # Errors
    /// The error that ended the first of them that failed.
    pub async fn collect(mut self) -> Result<Vec<Completion>, Error> {
        while let Some((_, record)) = self.next().await {
            record?;
        }
        let collected = self.streams.into_iter().map(TokenStream::collect);
        futures::future::try_join_all(collected).await
    }

    /// Reads by blocking this thread, without an async runtime.
    ///
    /// # Panics
    /// On a thread that drives async tasks, see [`TokenStream::blocking`].
    pub fn blocking(self) -> Blocking<Self> {
        Blocking::new(self)
    }
}

impl Stream for Choices {
    type Item = ChoiceItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ChoiceItem>> {
        let this = &mut *self;
        let n = this.streams.len();
        let mut open = false;
        for choice in (this.first..this.first + n).map(|i| i % n) {
            let Some(stream) = this.streams.get_mut(choice).filter(|s| !s.is_terminated()) else {
                continue;
            };
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(record)) => {
                    this.first = choice + 1;
                    return Poll::Ready(Some((choice, record)));
                }
                Poll::Ready(None) => {}
                Poll::Pending => open = true,
            }
        }
        match open {
            true => Poll::Pending,
            false => Poll::Ready(None),
        }
    }
}

impl FusedStream for Choices {
    fn is_terminated(&self) -> bool {
        self.streams.iter().all(FusedStream::is_terminated)
    }
}

impl IntoIterator for Choices {
    type Item = ChoiceItem;
    type IntoIter = Blocking<Self>;

    /// See [`Choices::blocking`].
    fn into_iter(self) -> Self::IntoIter {
        self.blocking()
    }
}
