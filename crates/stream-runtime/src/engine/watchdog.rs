//! The thread that finds a step which does not end.
//!
//! It owns no model and takes no lock that a step holds, so nothing that hangs there holds it up.
//! It measures by its own wakes, not by the clock: while the whole process stands still, because
//! its container is frozen or someone debugs it, no time passes for it either.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use stream_core::{Error, Roster};

use super::stats::Board;
use super::{StartError, spawn};

/// So many wakes that see the same step under way are one timeout.
const WAKES: u32 = 8;

const INSIDE: u64 = 1;
const GIVEN_UP: u64 = 2;
/// What one more call adds.
const CALL: u64 = 4;

/// Which call into the model is under way: two flags, and above them how many there were. Only
/// the model's thread begins and ends calls, so a store each is all that a step costs.
#[derive(Debug, Default)]
pub(super) struct Pulse(AtomicU64);

impl Pulse {
    /// Lets the watchdog see a call into the model for as long as it lasts.
    pub(super) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let next = (self.0.load(Ordering::Relaxed) & !(INSIDE | GIVEN_UP)) + CALL;
        self.0.store(next | INSIDE, Ordering::Release);
        let result = call();
        self.0.store(next, Ordering::Release);
        result
    }

    /// Whether a call is under way that the watchdog has given up.
    pub(super) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) & GIVEN_UP != 0
    }

    /// The call under way, unless it is given up already.
    fn under_way(&self) -> Option<u64> {
        let now = self.0.load(Ordering::Acquire);
        (now & (INSIDE | GIVEN_UP) == INSIDE).then_some(now)
    }

    /// Gives a call up, unless it has just ended.
    fn give_up(&self, call: u64) -> bool {
        let (before, after) = (Ordering::AcqRel, Ordering::Relaxed);
        let given_up = call | GIVEN_UP;
        self.0
            .compare_exchange(call, given_up, before, after)
            .is_ok()
    }
}

/// Ends every stream of an engine whose step takes too long.
pub(super) struct Watchdog {
    limit: Duration,
    board: Arc<Board>,
    roster: Roster,
}

/// The thread, until this is dropped.
pub(super) struct Watching {
    thread: Option<JoinHandle<()>>,
    stop: Option<Sender<()>>,
}

impl Watchdog {
    pub(super) fn new(limit: Duration, board: Arc<Board>, roster: Roster) -> Self {
        Self {
            limit,
            board,
            roster,
        }
    }

    pub(super) fn start(self) -> Result<Watching, StartError> {
        let (stop, stopped) = channel();
        let thread = spawn("stream-watchdog", move || self.run(&stopped))?;
        Ok(Watching {
            thread: Some(thread),
            stop: Some(stop),
        })
    }

    fn run(self, stopped: &Receiver<()>) {
        let (mut seen, mut wakes) = (None, 0);
        while stopped.recv_timeout(self.limit / WAKES) == Err(RecvTimeoutError::Timeout) {
            let now = self.board.pulse().under_way();
            wakes = if now == seen { wakes + 1 } else { 0 };
            seen = now;
            if let Some(call) = seen.filter(|_| wakes == WAKES) {
                self.give_up(call);
            }
        }
    }

    /// From the moment that the call is given up, no stream is accepted, so that all there are
    /// can be ended.
    fn give_up(&self, call: u64) {
        if !self.board.pulse().give_up(call) {
            return;
        }
        tracing::error!(limit = ?self.limit, "a step hangs: its streams are ended");
        for gate in self.roster.streams() {
            let error = Error::Hung { limit: self.limit };
            self.board.fail_hung(&gate, error);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_seen_while_it_lasts_and_no_other_is_taken_for_it() {
        let pulse = Pulse::default();
        assert_eq!(pulse.under_way(), None);
        let first = pulse.during(|| pulse.under_way()).unwrap();
        assert_eq!(pulse.under_way(), None);
        assert!(!pulse.give_up(first), "it has ended");
        pulse.during(|| {
            assert_ne!(pulse.under_way(), Some(first));
            assert!(!pulse.give_up(first), "another is under way");
            assert!(!pulse.is_given_up());
        });
    }

    #[test]
    fn a_call_is_given_up_once_and_until_it_ends() {
        let pulse = Pulse::default();
        pulse.during(|| {
            let call = pulse.under_way().unwrap();
            assert!(pulse.give_up(call));
            assert!(pulse.is_given_up());
            assert_eq!(pulse.under_way(), None, "there is nothing more to give up");
            assert!(!pulse.give_up(call));
        });
        assert!(!pulse.is_given_up());
        assert!(pulse.during(|| pulse.under_way()).is_some());
    }
}
