//! The timer that ends streams whose deadlines have passed.
//!
//! One thread for the process, started with the first request that has a deadline. It owns no
//! model and calls no backend, so that a step that hangs cannot hold it up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::shared::{Shared, State};
use crate::{DeadlineKind, Error, SlowReader};

/// Puts the stream under the timer, if it has any deadline.
pub(super) fn watch(shared: &Arc<Shared>) {
    static TIMER: OnceLock<Option<Sender<Entry>>> = OnceLock::new();
    let Some(at) = shared.check(Instant::now()) else {
        return;
    };
    if let Some(timer) = TIMER.get_or_init(start) {
        let stream = Arc::downgrade(shared);
        // The receiver lives as long as the process.
        let _ = timer.send(Entry { at, stream });
    }
}

fn start() -> Option<Sender<Entry>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("stream-deadlines".into())
        .spawn(move || run(&receiver))
        .ok()?;
    Some(sender)
}

/// A stream and when to look at it next.
struct Entry {
    at: Instant,
    stream: Weak<Shared>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

fn run(new: &Receiver<Entry>) {
    let mut waiting = BinaryHeap::new();
    loop {
        let now = Instant::now();
        while waiting
            .peek()
            .is_some_and(|Reverse(e): &Reverse<Entry>| e.at <= now)
        {
            let due = waiting.pop().map(|Reverse(entry)| entry);
            waiting.extend(due.and_then(|entry| again(entry, now)).map(Reverse));
        }
        let next = match waiting.peek() {
            Some(Reverse(entry)) => new.recv_timeout(entry.at - now),
            None => new.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(entry) => waiting.push(Reverse(entry)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Looks at a stream that is due: ends it, or says when to look again.
fn again(entry: Entry, now: Instant) -> Option<Entry> {
    let at = entry.stream.upgrade()?.check(now)?;
    Some(Entry { at, ..entry })
}

/// A limit on a stream: when it passes, unless something happens before, and what follows then.
/// Without an error it only says when to look again.
struct Due {
    at: Instant,
    error: Option<Error>,
}

impl Shared {
    /// Ends the stream if a deadline has passed. Otherwise says when to look again.
    pub(super) fn check(&self, now: Instant) -> Option<Instant> {
        let dues = {
            let state = self.lock();
            if state.end.is_some() {
                return None;
            }
            self.dues(&state, now)
        };
        let next = dues.into_iter().flatten().min_by_key(|due| due.at)?;
        match next.error {
            Some(error) if next.at <= now => {
                self.end(Err(error));
                None
            }
            _ => Some(next.at),
        }
    }

    fn dues(&self, state: &State, now: Instant) -> [Option<Due>; 5] {
        let (t, limits) = (&state.timings, &self.deadlines);
        let queue = limits.queue.filter(|_| t.scheduled.is_none());
        let first = limits.first_token.filter(|_| t.first_token.is_none());
        [
            queue.and_then(|limit| due(DeadlineKind::Queue, t.queued, limit)),
            first.and_then(|limit| due(DeadlineKind::FirstToken, t.queued, limit)),
            limits
                .between_tokens
                .and_then(|limit| between(state, limit, now)),
            limits
                .total
                .and_then(|limit| due(DeadlineKind::Total, t.queued, limit)),
            self.stall(state, now),
        ]
    }

    fn stall(&self, state: &State, now: Instant) -> Option<Due> {
        let SlowReader::Abort { after: limit } = self.delivery.slow_reader() else {
            return None;
        };
        match state.full_since {
            Some(since) => Some(Due {
                at: since.checked_add(limit)?,
                error: Some(Error::SlowReader { limit }),
            }),
            None => look_again(now, limit),
        }
    }
}

fn due(kind: DeadlineKind, from: Instant, limit: Duration) -> Option<Due> {
    Some(Due {
        at: from.checked_add(limit)?,
        error: Some(Error::Deadline { kind, limit }),
    })
}

/// While the engine waits for room the time is the reader's, not the engine's.
fn between(state: &State, limit: Duration, now: Instant) -> Option<Due> {
    match state.timings.last_token {
        Some(last) if !state.writer_waits => {
            let from = state.resumed.map_or(last, |resumed| resumed.max(last));
            due(DeadlineKind::BetweenTokens, from, limit)
        }
        _ => look_again(now, limit),
    }
}

fn look_again(now: Instant, limit: Duration) -> Option<Due> {
    Some(Due {
        // A limit of nothing must not make the timer spin.
        at: now.checked_add(limit.max(Duration::from_millis(1)))?,
        error: None,
    })
}
