//! The state between the two ends of a stream.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use super::sink::{ReserveError, Token};
use super::sync::{AtomicBool, Mutex, MutexGuard};
use crate::{
    Deadlines, Delivery, End, Error, Finish, FinishReason, SlowReader, StreamToken, Timings,
    TokenLogprobs, TokenTimes, Usage,
};

pub(super) struct Shared {
    pub(super) delivery: Delivery,
    pub(super) deadlines: Deadlines,
    /// Whether the end is set; readable without the lock.
    closed: AtomicBool,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) queue: VecDeque<StreamToken>,
    /// Permits handed out and not used yet.
    reserved: usize,
    pub(super) reader: Option<Waker>,
    writer: Option<Waker>,
    /// The writer found no room and is to be woken when there is some.
    pub(super) writer_waits: bool,
    pub(super) end: Option<End>,
    text_len: usize,
    pub(super) prompt_tokens: usize,
    /// Until the reader takes them.
    pub(super) prompt_logprobs: Option<Vec<TokenLogprobs>>,
    /// What the writer holds back.
    held: String,
    pub(super) timings: Timings,
    /// Since when the buffer has been full.
    pub(super) full_since: Option<Instant>,
    /// When the reader last made room for a waiting writer.
    pub(super) resumed: Option<Instant>,
}

impl Shared {
    pub(super) fn new(delivery: Delivery, deadlines: Deadlines, queued: Instant) -> Self {
        Self {
            delivery,
            deadlines,
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                reserved: 0,
                reader: None,
                writer: None,
                writer_waits: false,
                end: None,
                text_len: 0,
                prompt_tokens: 0,
                prompt_logprobs: None,
                held: String::new(),
                timings: Timings::start(queued),
                full_since: None,
                resumed: None,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn coalesces(&self) -> bool {
        self.delivery.slow_reader() == SlowReader::Coalesce
    }

    /// Takes room for one record, or arranges for the writer to be woken when there is some.
    pub(super) fn reserve(&self, waker: Option<&Waker>) -> Result<(), ReserveError> {
        let mut state = self.lock();
        if let Some(waker) = waker {
            state.watch(waker);
        }
        if state.end.is_some() {
            return Err(ReserveError::Closed);
        }
        if !self.coalesces() && state.queue.len() + state.reserved >= self.delivery.buffer() {
            state.writer_waits = true;
            return Err(ReserveError::Full);
        }
        state.reserved += 1;
        Ok(())
    }

    pub(super) fn watch(&self, waker: &Waker) {
        self.lock().watch(waker);
    }

    /// Gives back a permit that was not used.
    pub(super) fn unreserve(&self) {
        let mut state = self.lock();
        state.reserved -= 1;
        let writer = state.room_appeared();
        drop(state);
        wake(writer);
    }

    /// Uses up a permit.
    pub(super) fn push(&self, token: Token) {
        let mut state = self.lock();
        state.reserved -= 1;
        if state.end.is_some() {
            return;
        }
        let record = state.record(token);
        let full = state.queue.len() >= self.delivery.buffer();
        match state.queue.back_mut() {
            Some(last) if full && self.coalesces() => last.absorb(record),
            _ => state.queue.push_back(record),
        }
        if state.queue.len() >= self.delivery.buffer() && state.full_since.is_none() {
            state.full_since = Some(Instant::now());
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Puts a record before the first token.
    pub(super) fn echo(&self, prompt: String) {
        let mut state = self.lock();
        if state.end.is_some() || prompt.is_empty() {
            return;
        }
        let record = state.record_without_token(prompt);
        state.queue.push_back(record);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    pub(super) fn pop(&self, state: &mut State) -> Option<(StreamToken, Option<Waker>)> {
        let record = state.queue.pop_front()?;
        state.full_since = None;
        Some((record, state.room_appeared()))
    }

    /// Sets the end, unless there is one. Where the writer did not foresee it, what it holds
    /// back is released.
    pub(super) fn end(&self, outcome: Result<Finish, Error>) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let held = std::mem::take(&mut state.held);
        let (outcome, rest) = match outcome {
            Ok(finish) if finish.reason == FinishReason::Cancelled => (Ok(finish.reason), held),
            Ok(finish) => (Ok(finish.reason), finish.held_text),
            Err(error) => (Err(error), held),
        };
        state.append_held(rest);
        state.timings.ended = Some(Instant::now());
        state.end = Some(End {
            outcome,
            usage: state.usage(),
            timings: state.timings,
        });
        self.closed.store(true, Ordering::Release);
        let wakers = (state.reader.take(), state.writer.clone());
        drop(state);
        wake(wakers.0);
        wake(wakers.1);
    }

    pub(super) fn cancel(&self) {
        self.end(Ok(FinishReason::Cancelled.into()));
    }
}

impl State {
    fn watch(&mut self, waker: &Waker) {
        match &mut self.writer {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.timings.tokens,
        }
    }

    /// The writer, if it waited for the room that has just appeared.
    fn room_appeared(&mut self) -> Option<Waker> {
        if !std::mem::take(&mut self.writer_waits) {
            return None;
        }
        self.resumed = Some(Instant::now());
        self.writer.clone()
    }

    fn record(&mut self, token: Token) -> StreamToken {
        let now = Instant::now();
        let timings = &mut self.timings;
        let scheduled = *timings.scheduled.get_or_insert(token.sampled);
        timings.first_token.get_or_insert(now);
        timings.last_token = Some(now);
        let index = timings.tokens;
        timings.tokens += 1;
        self.held = token.held;
        StreamToken {
            index,
            id: token.id,
            span: self.place(&token.text),
            text: token.text,
            tokens: 1,
            coalesced: Vec::new(),
            logprobs: token.logprobs.into_iter().collect(),
            times: TokenTimes {
                queued: self.timings.queued,
                scheduled,
                sampled: token.sampled,
                released: now,
            },
        }
    }

    fn record_without_token(&mut self, text: String) -> StreamToken {
        let now = Instant::now();
        StreamToken {
            index: self.timings.tokens,
            id: None,
            span: self.place(&text),
            text,
            tokens: 0,
            coalesced: Vec::new(),
            logprobs: Vec::new(),
            times: TokenTimes {
                queued: self.timings.queued,
                scheduled: self.timings.scheduled.unwrap_or(now),
                sampled: self.timings.last_token.unwrap_or(now),
                released: now,
            },
        }
    }

    /// Where `text` stands if it is the next.
    fn place(&mut self, text: &str) -> Range<usize> {
        let start = self.text_len;
        self.text_len += text.len();
        start..self.text_len
    }

    /// Text held back to the end joins the newest waiting record or gets one of its own.
    fn append_held(&mut self, held: String) {
        if held.is_empty() {
            return;
        }
        if let Some(last) = self.queue.back_mut() {
            self.text_len += held.len();
            last.append_text(&held);
            return;
        }
        let record = self.record_without_token(held);
        self.queue.push_back(record);
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
