//! The backend's end of a stream.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::shared::{Shared, wake};
use crate::{End, Error, Finish, Timings, TokenId, TokenLogprobs, Usage};

/// A token as a backend hands it over.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id, where it is known.
    pub id: Option<TokenId>,
    /// The text that became certain with it.
    pub text: String,
    /// All text that is held back now, this token's and earlier ones'. It is released if the
    /// stream ends in any way but [`TokenSink::finish`], so that a deadline or a cancel loses
    /// none of the text that was made.
    pub held: String,
    /// How probable it was, if the request asked for it.
    pub logprobs: Option<TokenLogprobs>,
    /// When the model chose it.
    pub sampled: Instant,
}

impl Token {
    /// A token that was chosen just now.
    pub fn new(id: impl Into<Option<TokenId>>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            text: text.into(),
            held: String::new(),
            logprobs: None,
            sampled: Instant::now(),
        }
    }
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// The buffer is full; the waker that was given is woken when there is room.
    #[error("the stream's buffer is full")]
    Full,
    /// The stream has ended: cancelled, past a deadline, or its reader is gone.
    #[error("the stream has ended")]
    Closed,
}

/// The only writer of a stream. It must end in [`finish`](Self::finish) or
/// [`fail`](Self::fail); dropped without, the stream ends with [`Error::Abandoned`].
#[derive(Debug)]
pub struct TokenSink {
    gate: Gate,
}

impl TokenSink {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            gate: Gate { shared },
        }
    }

    /// A handle that asks for room and for cancellation from another thread.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Room for one record, if there is some.
    ///
    /// # Errors
    /// [`ReserveError::Full`] or [`ReserveError::Closed`].
    pub fn try_reserve(&self) -> Result<Permit, ReserveError> {
        self.gate.try_reserve()
    }

    /// Waits for room for one record.
    ///
    /// # Errors
    /// [`ReserveError::Closed`] when the stream has ended.
    pub async fn reserve(&self) -> Result<Permit, ReserveError> {
        poll_fn(|cx| self.gate.poll_reserve(cx)).await
    }

    /// Waits for room and sends.
    ///
    /// # Errors
    /// [`ReserveError::Closed`] when the stream has ended.
    pub async fn send(&self, token: Token) -> Result<(), ReserveError> {
        self.reserve().await?.send(token);
        Ok(())
    }

    /// Whether nobody wants more: cancelled, past a deadline, or the reader is gone.
    pub fn is_cancelled(&self) -> bool {
        self.gate.is_closed()
    }

    /// Tells how many tokens the prompt has, for [`Usage`].
    pub fn set_prompt_tokens(&self, tokens: usize) {
        self.gate.shared.lock().prompt_tokens = tokens;
    }

    /// Tells how probable each token of the prompt after the first was. To be called before the
    /// first token is sent: the reader has it with that token.
    pub fn set_prompt_logprobs(&self, logprobs: Vec<TokenLogprobs>) {
        self.gate.shared.lock().prompt_logprobs = Some(logprobs);
    }

    /// Begins the text with the prompt's, in a record without a token. To be called before the
    /// first token is sent; it has a place of its own and needs no permit.
    pub fn echo(&self, prompt: String) {
        self.gate.shared.echo(prompt);
    }

    /// The request enters its first step: its time in the queue is over.
    pub fn scheduled(&self) {
        self.gate.scheduled();
    }

    /// Ends the stream well.
    pub fn finish(self, finish: impl Into<Finish>) {
        self.gate.shared.end(Ok(finish.into()));
    }

    /// Ends the stream with an error.
    pub fn fail(self, error: Error) {
        self.gate.shared.end(Err(error));
    }
}

impl Drop for TokenSink {
    fn drop(&mut self) {
        self.gate.shared.end(Err(Error::Abandoned));
    }
}

/// Asks for room and cancellation on behalf of a [`TokenSink`] that another thread owns.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Room for one record, if there is some.
    ///
    /// # Errors
    /// [`ReserveError::Full`] or [`ReserveError::Closed`].
    pub fn try_reserve(&self) -> Result<Permit, ReserveError> {
        self.shared.reserve(None)?;
        Ok(self.permit())
    }

    /// Room for one more record than is needed to go on. To find none is no reason to wait: the
    /// stream does not count as held up by its reader.
    pub fn try_reserve_spare(&self) -> Option<Permit> {
        self.shared.reserve_spare().then(|| self.permit())
    }

    /// Room for one record, or a wake when there is some or the stream has ended.
    pub fn poll_reserve(&self, cx: &mut Context<'_>) -> Poll<Result<Permit, ReserveError>> {
        match self.shared.reserve(Some(cx.waker())) {
            Ok(()) => Poll::Ready(Ok(self.permit())),
            Err(ReserveError::Full) => Poll::Pending,
            Err(ReserveError::Closed) => Poll::Ready(Err(ReserveError::Closed)),
        }
    }

    /// From now on `waker` is woken when the stream ends, and when room appears after a
    /// [`ReserveError::Full`]. There is one such waker; a newer one takes its place.
    pub fn watch(&self, waker: &Waker) {
        self.shared.watch(waker);
    }

    /// Whether the stream has ended: nothing that is sent will be seen.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The request enters its first step: its time in the queue is over.
    pub fn scheduled(&self) {
        let mut state = self.shared.lock();
        state.timings.scheduled.get_or_insert_with(Instant::now);
    }

    /// Tells how many tokens of the prompt need not be computed, for [`Usage`].
    pub fn set_cached_tokens(&self, tokens: usize) {
        self.shared.lock().cached_tokens = tokens;
    }

    /// When the stations of the request were passed.
    pub fn timings(&self) -> Timings {
        self.shared.lock().timings
    }

    /// Tokens of the prompt, and tokens made until now.
    pub fn usage(&self) -> Usage {
        self.shared.lock().usage()
    }

    /// How the stream has ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }

    /// Ends the stream with an error, whoever holds its sink. False if it had ended before.
    pub fn fail(&self, error: Error) -> bool {
        self.shared.end(Err(error))
    }

    fn permit(&self) -> Permit {
        Permit {
            gate: Some(self.clone()),
        }
    }
}

/// Room for one token record. Dropped unused, the room is given back.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    gate: Option<Gate>,
}

impl Permit {
    /// Sends a token. After the end of the stream it goes nowhere.
    pub fn send(self, token: Token) {
        drop(self.send_unannounced(token));
    }

    /// As [`send`](Self::send), but a reader that waits for the token sleeps on until what is
    /// returned is dropped. Who sends to many streams at once wakes their readers together: a
    /// thread that reads several of them is woken once.
    pub fn send_unannounced(mut self, token: Token) -> Option<Wakeup> {
        let gate = self.gate.take()?;
        gate.shared.push(token).map(|reader| Wakeup(Some(reader)))
    }
}

/// Wakes a stream's reader when it is dropped.
#[derive(Debug)]
#[must_use = "the reader sleeps until it is dropped"]
pub struct Wakeup(Option<Waker>);

impl Drop for Wakeup {
    fn drop(&mut self) {
        wake(self.0.take());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.shared.unreserve();
        }
    }
}
