//! Ways to read a stream by blocking the thread, without an async runtime.

use std::borrow::BorrowMut;

use futures::executor::block_on;
use futures::{Stream, StreamExt};

use super::read::{Chunk, Completion, Flow};
use super::stream::TokenStream;
use crate::{Choices, End, Error, StreamToken};

/// A [`TokenStream`], or the [`Choices`] of a request, that block the thread until there is a
/// token. It is an iterator, and has the stream's other ways of reading too.
#[derive(Debug)]
pub struct Blocking<S> {
    stream: S,
}

impl<S> Blocking<S> {
    pub(crate) fn new(stream: S) -> Self {
        assert_may_block();
        Self { stream }
    }
}

impl Blocking<Choices> {
    /// The streams, for their texts, usage and ends.
    pub fn choices(&self) -> &Choices {
        &self.stream
    }

    /// As [`Choices::collect`].
    ///
    /// # Errors
    /// The error that ended the first answer that failed.
    pub fn completions(self) -> Result<Vec<Completion>, Error> {
        block_on(self.stream.collect())
    }
}

impl<S: BorrowMut<TokenStream>> Blocking<S> {
    /// The stream, for its text, ids, usage and timings.
    pub fn stream(&self) -> &TokenStream {
        self.stream.borrow()
    }

    /// As [`TokenStream::for_each`].
    ///
    /// # Errors
    /// The error that ended the stream.
    pub fn for_each_token<F: Flow>(
        &mut self,
        callback: impl FnMut(&StreamToken) -> F,
    ) -> Result<End, Error> {
        block_on(self.stream.borrow_mut().call(callback))
    }

    /// As [`TokenStream::next_chunk`].
    pub fn next_chunk(&mut self, n: usize) -> Option<Result<Chunk, Error>> {
        block_on(self.stream.borrow_mut().next_chunk(n))
    }

    /// The stream in chunks, see [`TokenStream::next_chunk`].
    pub fn chunks(mut self, n: usize) -> impl Iterator<Item = Result<Chunk, Error>> {
        std::iter::from_fn(move || self.next_chunk(n))
    }

    /// As [`TokenStream::collect`].
    ///
    /// # Errors
    /// The error that ended the stream.
    pub fn completion(&mut self) -> Result<Completion, Error> {
        block_on(self.stream.borrow_mut().completion())
    }
}

impl<S: Stream + Unpin> Iterator for Blocking<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.stream.next())
    }
}

/// Panics with tokio's own explanation on a thread that drives its tasks. Threads of
/// `spawn_blocking` may block and pass.
fn assert_may_block() {
    drop(tokio::sync::Mutex::new(()).blocking_lock());
}
