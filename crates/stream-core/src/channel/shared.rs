//! The state between the two ends of a stream.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::sink::{ReserveError, Token};
use crate::{
    Deadlines, Delivery, End, Error, Finish, FinishReason, SlowReader, StreamToken, Timings,
    TokenTimes, Usage,
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

    pub(super) fn pop(&self, state: &mut State) -> Option<(StreamToken, Option<Waker>)> {
        let record = state.queue.pop_front()?;
        state.full_since = None;
        Some((record, state.room_appeared()))
    }

    /// Sets the end, unless there is one.
    pub(super) fn end(&self, outcome: Result<Finish, Error>) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let outcome = outcome.map(|finish| {
            state.append_held(finish.held_text);
            finish.reason
        });
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
        let times = TokenTimes {
            queued: timings.queued,
            scheduled,
            sampled: token.sampled,
            released: now,
        };
        self.text_record(index, token.id, token.text, times)
    }

    fn text_record(
        &mut self,
        index: usize,
        id: Option<crate::TokenId>,
        text: String,
        times: TokenTimes,
    ) -> StreamToken {
        let start = self.text_len;
        self.text_len += text.len();
        StreamToken {
            index,
            id,
            span: start..self.text_len,
            text,
            coalesced: Vec::new(),
            times,
        }
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
        let now = Instant::now();
        let times = TokenTimes {
            queued: self.timings.queued,
            scheduled: self.timings.scheduled.unwrap_or(now),
            sampled: self.timings.last_token.unwrap_or(now),
            released: now,
        };
        let record = self.text_record(self.timings.tokens, None, held, times);
        self.queue.push_back(record);
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
