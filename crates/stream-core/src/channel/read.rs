//! Ways to read a stream, in async code.

use std::ops::{ControlFlow, Range};

use futures::{Stream, StreamExt};

use super::stream::TokenStream;
use crate::{End, Error, FinishReason, StreamToken, Timings, TokenId, TokenLogprobs, Usage};

/// Several tokens of a stream, handed over together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk {
    /// Their text.
    pub text: String,
    /// Their ids, where they are known.
    pub ids: Vec<TokenId>,
    /// How many tokens these are.
    pub tokens: usize,
    /// How probable each of them was, if the request asked for it.
    pub logprobs: Vec<TokenLogprobs>,
    /// Where the text stands in the whole text of the stream, in bytes.
    pub span: Range<usize>,
}

impl Chunk {
    fn add(&mut self, record: &StreamToken) {
        if self.is_empty() {
            self.span.start = record.span.start;
        }
        self.span.end = record.span.end;
        self.text.push_str(&record.text);
        self.ids.extend(record.ids());
        self.tokens += record.tokens;
        self.logprobs.extend(record.logprobs.iter().cloned());
    }

    fn is_empty(&self) -> bool {
        self.tokens == 0 && self.text.is_empty()
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Its text.
    pub text: String,
    /// The ids of its tokens, where they are known.
    pub ids: Vec<TokenId>,
    /// How probable each of its tokens was, if the request asked for it.
    pub logprobs: Vec<TokenLogprobs>,
    /// How probable each token of the prompt after the first was, if the request asked for it.
    pub prompt_logprobs: Option<Vec<TokenLogprobs>>,
    /// Why it ended.
    pub reason: FinishReason,
    /// Its cost.
    pub usage: Usage,
    /// Its times.
    pub timings: Timings,
}

/// What a callback may return: nothing, or whether to go on.
pub trait Flow {
    /// Whether the stream should be cancelled.
    fn stops(self) -> bool;
}

impl Flow for () {
    fn stops(self) -> bool {
        false
    }
}

impl Flow for ControlFlow<()> {
    fn stops(self) -> bool {
        matches!(self, ControlFlow::Break(()))
    }
}

impl TokenStream {
    /// Calls `callback` with each record. A callback that returns [`ControlFlow::Break`] cancels
    /// the request; it is not called again.
    ///
    /// # Errors
    /// The error that ended the stream.
    pub async fn for_each<F: Flow>(
        mut self,
        callback: impl FnMut(&StreamToken) -> F,
    ) -> Result<End, Error> {
        self.call(callback).await
    }

    pub(super) async fn call<F: Flow>(
        &mut self,
        mut callback: impl FnMut(&StreamToken) -> F,
    ) -> Result<End, Error> {
        while let Some(record) = self.next().await {
            if callback(&record?).stops() {
                self.abort();
                break;
            }
        }
        self.rest().await
    }

    /// The next tokens together: waits until there are `n` (at least 1), or the stream ends. A
    /// coalesced record counts as all of its tokens, so that there may be more, and a record
    /// without a token as none. `None` after the
    /// end; an error comes after the tokens before it.
    pub async fn next_chunk(&mut self, n: usize) -> Option<Result<Chunk, Error>> {
        let mut chunk = Chunk::default();
        while chunk.tokens < n.max(1) {
            match self.next().await {
                Some(Ok(record)) => chunk.add(&record),
                Some(Err(error)) if chunk.is_empty() => return Some(Err(error)),
                Some(Err(error)) => {
                    self.deferred = Some(error);
                    break;
                }
                None => break,
            }
        }
        (!chunk.is_empty()).then_some(Ok(chunk))
    }

    /// The stream in chunks, see [`next_chunk`](Self::next_chunk).
    pub fn chunks(self, n: usize) -> impl Stream<Item = Result<Chunk, Error>> {
        futures::stream::unfold(self, move |mut stream| async move {
            let chunk = stream.next_chunk(n).await?;
            Some((chunk, stream))
        })
    }

    /// Reads to the end and gives the whole answer, with what was read before.
    ///
    /// # Errors
    /// The error that ended the stream. Where a part of an answer is of use, read token by token
    /// and take [`text`](Self::text) and [`ids`](Self::ids).
    pub async fn collect(mut self) -> Result<Completion, Error> {
        self.completion().await
    }

    pub(super) async fn completion(&mut self) -> Result<Completion, Error> {
        let end = self.rest().await?;
        Ok(Completion {
            text: self.text().to_owned(),
            ids: self.ids().to_owned(),
            logprobs: self.logprobs().to_owned(),
            prompt_logprobs: self.prompt_logprobs().map(<[_]>::to_owned),
            reason: end.outcome?,
            usage: end.usage,
            timings: end.timings,
        })
    }

    /// Reads on to the end.
    async fn rest(&mut self) -> Result<End, Error> {
        while let Some(record) = self.next().await {
            record?;
        }
        let end = self.end().cloned().ok_or(Error::Abandoned)?;
        end.outcome.clone()?;
        Ok(end)
    }
}
