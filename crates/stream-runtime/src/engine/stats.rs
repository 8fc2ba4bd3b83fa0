//! What an engine does, in numbers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use stream_core::{Error, FinishReason, Gate, Stats, TokenSink};

use super::meters::{Labels, Meters};
use super::timer::Timers;
use super::watchdog::Pulse;

/// So many requests in a row that end with [`Error::Numerical`] mean that something is broken.
const MOST_NUMERICAL: u32 = 8;

/// What the threads of an engine know of each other.
pub(super) struct Board {
    stats: Mutex<Stats>,
    finished: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    fault: OnceLock<Arc<str>>,
    /// Requests in a row that ended with [`Error::Numerical`].
    numerical: AtomicU32,
    pulse: Pulse,
    timers: Timers,
    meters: Meters,
}

impl Board {
    /// For an engine that is told apart from others by these labels.
    pub(super) fn new(labels: &Labels) -> Self {
        Self {
            stats: Mutex::default(),
            finished: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            fault: OnceLock::new(),
            numerical: AtomicU32::new(0),
            pulse: Pulse::default(),
            timers: Timers::new(labels),
            meters: Meters::new(labels),
        }
    }

    /// The model thread's part of the numbers.
    pub(super) fn publish(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
        self.meters.publish(&self.counts());
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            latencies: self.timers.latencies(),
            ..self.counts()
        }
    }

    /// All but the latencies. While a step hangs nothing runs or waits: all streams have ended.
    /// The KV blocks stay in use, because the step may still write to them.
    fn counts(&self) -> Stats {
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

    pub(super) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Counts a stream that is about to be ended so, unless it has ended otherwise. One that the
    /// watchdog has ended is counted already.
    pub(super) fn count_end(&self, sink: &TokenSink, outcome: &Result<FinishReason, Error>) {
        let gate = sink.gate();
        let end = gate.end();
        let timings = end
            .as_ref()
            .map_or_else(|| gate.timings(), |end| end.timings);
        self.timers.record_request(&timings);
        let counter = match (end.map(|end| end.outcome), outcome) {
            (Some(Err(Error::Hung { .. })), _) => return,
            (Some(_), _) => &self.cancelled,
            (None, Ok(_)) => &self.finished,
            (None, Err(_)) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.meters.publish(&self.counts());
    }

    /// Ends a stream whose step hangs, and counts it before anybody can see its end.
    pub(super) fn fail_hung(&self, gate: &Gate, error: Error) {
        if gate.is_closed() {
            return;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        if !gate.fail(error) {
            // Something else was quicker, and is counted elsewhere.
            self.failed.fetch_sub(1, Ordering::Relaxed);
        }
        self.meters.publish(&self.counts());
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

    /// How many requests in a row had no finite logit; 0 as soon as a token is chosen.
    pub(super) fn set_numerical(&self, requests: u32) {
        self.numerical.store(requests, Ordering::Relaxed);
    }

    /// Why the engine should not be sent any requests, though it still takes them: a good token
    /// is the only proof that its numbers are numbers again.
    pub(super) fn doubt(&self) -> Option<Arc<str>> {
        let requests = self.numerical.load(Ordering::Relaxed);
        let why = || format!("the logits of {requests} requests in a row were not finite").into();
        (requests >= MOST_NUMERICAL).then(why)
    }
}
