//! What an engine does, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use stream_core::{Error, FinishReason, Stats, TokenSink};

use super::watchdog::Pulse;

/// What the threads of an engine know of each other.
#[derive(Debug, Default)]
pub(super) struct Board {
    stats: Mutex<Stats>,
    finished: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    fault: OnceLock<Arc<str>>,
    pulse: Pulse,
}

impl Board {
    /// The model thread's part of the numbers.
    pub(super) fn publish(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    /// While a step hangs nothing runs or waits: all streams have ended. The KV blocks stay in
    /// use, because the step may still write to them.
    pub(super) fn stats(&self) -> Stats {
        let stats = *self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = usize::from(!self.pulse.is_given_up());
        Stats {
            running: alive * stats.running,
            waiting: alive * stats.waiting,
            requests_finished: self.finished.load(Ordering::Relaxed),
            requests_cancelled: self.cancelled.load(Ordering::Relaxed),
            requests_failed: self.failed.load(Ordering::Relaxed),
            ..stats
        }
    }

    /// Counts a stream that is about to be ended so, unless it has ended otherwise. One that the
    /// watchdog has ended is counted already.
    pub(super) fn count_end(&self, sink: &TokenSink, outcome: &Result<FinishReason, Error>) {
        let before = sink.gate().end().map(|end| end.outcome);
        let counter = match (before, outcome) {
            (Some(Err(Error::Hung { .. })), _) => return,
            (Some(_), _) => &self.cancelled,
            (None, Ok(_)) => &self.finished,
            (None, Err(_)) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts streams that the watchdog has ended.
    pub(super) fn count_hung(&self, streams: usize) {
        self.failed.fetch_add(streams as u64, Ordering::Relaxed);
    }

    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The engine is beyond repair.
    pub(super) fn set_fault(&self, message: &Arc<str>) {
        let _ = self.fault.set(message.clone());
    }

    /// Why the engine takes no requests, if it is beyond repair or a step of its model hangs.
    pub(super) fn fault(&self) -> Option<Arc<str>> {
        let hangs = || self.pulse.is_given_up().then(|| "a step hangs".into());
        self.fault.get().cloned().or_else(hangs)
    }
}
