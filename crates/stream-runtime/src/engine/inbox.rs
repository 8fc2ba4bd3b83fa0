//! What other threads hand to the model's thread, and the bell that wakes it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use stream_core::{Enrolled, Request, TokenId, TokenSink};

use super::memory::Memory;
use super::trail::Trail;
use crate::grammar::Matcher;

/// A request that was found good.
pub(super) struct Arrival {
    pub(super) request: Request,
    pub(super) sink: TokenSink,
    /// Its place in the engine, given back when it has ended and its blocks are free.
    pub(super) place: Enrolled,
    pub(super) prompt: Vec<TokenId>,
    /// The prompt's text, if the answer begins with it.
    pub(super) echo: Option<String>,
    pub(super) memory: Memory,
    pub(super) matcher: Option<Box<dyn Matcher>>,
    /// At least 1; fits the context and the KV cache.
    pub(super) max_tokens: usize,
    pub(super) trail: Trail,
}

/// Arrivals, bounded by the places that the engine gives out.
///
/// It is the bell too: a stream that has room again, or has ended, wakes it.
pub(super) struct Inbox {
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    arrivals: Vec<Arrival>,
    /// Something has happened since the model's thread looked last.
    rung: bool,
    open: bool,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                arrivals: Vec::new(),
                rung: false,
                open: true,
            }),
            bell: Condvar::new(),
        }
    }

    /// Hands a request over, or gives it back if the engine has ended.
    pub(super) fn push(&self, arrival: Box<Arrival>) -> Result<(), Box<Arrival>> {
        let mut state = self.lock();
        if !state.open {
            return Err(arrival);
        }
        state.arrivals.push(*arrival);
        self.ring(state);
        Ok(())
    }

    /// What has arrived; `None` once the inbox is closed. With nothing to do, waits for the bell
    /// first.
    pub(super) fn take(&self, idle: bool) -> Option<Vec<Arrival>> {
        let mut state = self.lock();
        while idle && !state.rung {
            state = self
                .bell
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.rung = false;
        state.open.then(|| std::mem::take(&mut state.arrivals))
    }

    /// From now on takes nothing; gives what is still in it.
    pub(super) fn close(&self) -> Vec<Arrival> {
        let mut state = self.lock();
        state.open = false;
        let left = std::mem::take(&mut state.arrivals);
        self.ring(state);
        left
    }

    fn ring(&self, mut state: MutexGuard<'_, State>) {
        let silent = !std::mem::replace(&mut state.rung, true);
        drop(state);
        if silent {
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Inbox {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring(self.lock());
    }
}
