//! The state between the two ends of a stream.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use super::sink::{ReserveError, Token};
use super::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard};
use super::waiting::Waiting;
use crate::{
    Deadlines, Delivery, End, Error, Finish, FinishReason, SlowReader, StreamToken, Timings,
    TokenLogprobs, Usage,
};

pub(super) struct Shared {
    pub(super) delivery: Delivery,
    pub(super) deadlines: Deadlines,
    /// Whether the end is set; readable without the lock.
    closed: AtomicBool,
    /// Records that there is still room for; of no meaning where waiting records coalesce. It
    /// falls without the lock and rises under it: who finds none under the lock can leave word
    /// there, and misses none that appears.
    room: AtomicUsize,
    state: Mutex<State>,
}

pub(super) struct State {
    waiting: Waiting,
    pub(super) reader: Option<Waker>,
    writer: Option<Waker>,
    /// The writer found no room and is to be woken when there is some.
    pub(super) writer_waits: bool,
    pub(super) end: Option<End>,
    pub(super) prompt_tokens: usize,
    pub(super) cached_tokens: usize,
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
            room: AtomicUsize::new(delivery.buffer()),
            state: Mutex::new(State {
                waiting: Waiting::default(),
                reader: None,
                writer: None,
                writer_waits: false,
                end: None,
                prompt_tokens: 0,
                cached_tokens: 0,
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

    /// Takes room for one record, or arranges for the writer to be woken when there is some: the
    /// waker that is given, or else the one that watches.
    pub(super) fn reserve(&self, waker: Option<&Waker>) -> Result<(), ReserveError> {
        if self.is_closed() {
            return Err(ReserveError::Closed);
        }
        if self.take_room() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.end.is_some() {
            return Err(ReserveError::Closed);
        }
        if let Some(waker) = waker {
            state.watch(waker);
        }
        if self.take_room() {
            return Ok(());
        }
        state.writer_waits = true;
        Err(ReserveError::Full)
    }

    fn take_room(&self) -> bool {
        // Acquires what `give_room` releases: the record that made room is out of the queue.
        let (taken, found_none) = (Ordering::Acquire, Ordering::Relaxed);
        let one_less = |room: usize| room.checked_sub(1);
        self.coalesces() || self.room.fetch_update(taken, found_none, one_less).is_ok()
    }

    /// Gives back room for one record: the writer, if it waited for that.
    fn give_room(&self, state: &mut State) -> Option<Waker> {
        if self.coalesces() {
            return None;
        }
        self.room.fetch_add(1, Ordering::Release);
        state.room_appeared()
    }

    /// Takes room for one record, if there is some.
    pub(super) fn reserve_spare(&self) -> bool {
        !self.is_closed() && self.take_room()
    }

    pub(super) fn watch(&self, waker: &Waker) {
        self.lock().watch(waker);
    }

    /// Gives back a permit that was not used.
    pub(super) fn unreserve(&self) {
        let mut state = self.lock();
        let writer = self.give_room(&mut state);
        drop(state);
        wake(writer);
    }

    /// Uses up a permit. The reader, if it waits, is to be woken.
    pub(super) fn push(&self, mut token: Token) -> Option<Waker> {
        let mut state = self.lock();
        if state.end.is_some() {
            return None;
        }
        let now = Instant::now();
        state.count(token.sampled, now);
        state.held = std::mem::take(&mut token.held);
        match state.waiting.len() >= self.delivery.buffer() && self.coalesces() {
            true => state.waiting.coalesce(token, now),
            false => state.waiting.push(token, now),
        }
        if state.waiting.len() >= self.delivery.buffer() {
            state.full_since.get_or_insert(now);
        }
        state.reader.take()
    }

    /// Puts a record before the first token.
    pub(super) fn echo(&self, prompt: String) {
        let mut state = self.lock();
        if state.end.is_some() || prompt.is_empty() {
            return;
        }
        state.push_text(&prompt);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// The oldest record, and the writer if it waited for its room. A record without a token
    /// took none.
    pub(super) fn pop(&self, state: &mut State) -> Option<(StreamToken, Option<Waker>)> {
        let Timings {
            queued, scheduled, ..
        } = state.timings;
        let record = state.waiting.pop(queued, scheduled)?;
        state.full_since = None;
        let writer = match record.tokens {
            0 => None,
            _ => self.give_room(state),
        };
        Some((record, writer))
    }

    /// Sets the end, unless there is one, and says whether it did. Where the writer did not
    /// foresee it, what it holds back is released.
    pub(super) fn end(&self, outcome: Result<Finish, Error>) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            return false;
        }
        let held = std::mem::take(&mut state.held);
        let (outcome, rest) = match outcome {
            Ok(finish) if finish.reason == FinishReason::Cancelled => (Ok(finish.reason), held),
            Ok(finish) => (Ok(finish.reason), finish.held_text),
            Err(error) => (Err(error), held),
        };
        if !rest.is_empty() && !state.waiting.append(&rest) {
            state.push_text(&rest);
        }
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
        true
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
            cached_tokens: self.cached_tokens,
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

    /// A token is released now.
    fn count(&mut self, sampled: Instant, now: Instant) {
        let timings = &mut self.timings;
        timings.scheduled.get_or_insert(sampled);
        timings.first_token.get_or_insert(now);
        timings.last_token = Some(now);
        timings.tokens += 1;
    }

    fn push_text(&mut self, text: &str) {
        let now = Instant::now();
        let sampled = self.timings.last_token.unwrap_or(now);
        self.waiting.push_text(text, sampled, now);
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
