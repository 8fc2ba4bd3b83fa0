//! What an engine does, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use stream_core::{Error, FinishReason, Stats, TokenSink};

/// What the threads of an engine know of each other.
#[derive(Debug, Default)]
pub(super) struct Board {
    stats: Mutex<Stats>,
    finished: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    fault: OnceLock<Arc<str>>,
}

impl Board {
    /// The model thread's part of the numbers.
    pub(super) fn publish(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(super) fn stats(&self) -> Stats {
        let stats = *self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            requests_finished: self.finished.load(Ordering::Relaxed),
            requests_cancelled: self.cancelled.load(Ordering::Relaxed),
            requests_failed: self.failed.load(Ordering::Relaxed),
            ..stats
        }
    }

    /// Counts a stream that is about to be ended so, unless it has ended otherwise.
    pub(super) fn count_end(&self, sink: &TokenSink, outcome: &Result<FinishReason, Error>) {
        let counter = match outcome {
            _ if sink.is_cancelled() => &self.cancelled,
            Ok(_) => &self.finished,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The engine is beyond repair.
    pub(super) fn set_fault(&self, message: &Arc<str>) {
        let _ = self.fault.set(message.clone());
    }

    /// Why the engine is beyond repair, if it is.
    pub(super) fn fault(&self) -> Option<Arc<str>> {
        self.fault.get().cloned()
    }
}
