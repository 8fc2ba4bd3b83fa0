//! The streams that a backend has accepted, so that it can bound and drain them.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::channel::oneshot;

use crate::{Drained, Error, Gate, Rejection};

/// Every stream that a backend has accepted and not ended. Clones share one list.
#[derive(Debug, Clone)]
pub struct Roster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<u64, Gate>,
    next: u64,
    closed: bool,
}

impl Roster {
    /// A list that holds at most `capacity` streams.
    pub fn new(capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                capacity,
                state: Mutex::default(),
                left: Condvar::new(),
            }),
        }
    }

    /// Takes a stream in. It leaves the list when the returned guard is dropped.
    ///
    /// # Errors
    /// [`Rejection::QueueFull`] or [`Rejection::ShuttingDown`].
    pub fn enroll(&self, gate: Gate) -> Result<Enrolled, Rejection> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Rejection::ShuttingDown);
        }
        if state.streams.len() >= self.shared.capacity {
            return Err(Rejection::QueueFull {
                capacity: self.shared.capacity,
            });
        }
        let key = state.next;
        state.next += 1;
        state.streams.insert(key, gate);
        Ok(Enrolled {
            shared: self.shared.clone(),
            key,
        })
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.shared.lock().streams.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether [`drain`](Self::drain) or [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// Takes no more streams in.
    pub fn close(&self) {
        self.shared.lock().closed = true;
    }

    /// The streams on the list, those that have ended too.
    pub fn streams(&self) -> Vec<Gate> {
        self.shared.lock().streams.values().cloned().collect()
    }

    /// Ends every stream on the list with `error`, and says how many had not ended before.
    pub fn fail_all(&self, error: &Error) -> usize {
        let ended = |gate: &&Gate| gate.fail(error.clone());
        self.streams().iter().filter(ended).count()
    }

    /// What [`Backend::drain`](crate::Backend::drain) asks for. Needs no async runtime.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        self.close();
        let (done, drained) = oneshot::channel();
        let roster = self.clone();
        // The wait may be long, so it must not take a thread of the caller's runtime.
        std::thread::spawn(move || done.send(roster.wait(deadline)));
        drained.await.unwrap_or_default()
    }

    fn wait(&self, deadline: Instant) -> Drained {
        let mut state = self.shared.lock();
        let before = state.streams.len();
        while !state.streams.is_empty() {
            let Some(rest) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            let wait = self.shared.left.wait_timeout(state, rest);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        let aborted = self.fail_all(&Error::ShutDown);
        Drained {
            finished: before - aborted,
            aborted,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's place on a [`Roster`].
#[derive(Debug)]
#[must_use]
pub struct Enrolled {
    shared: Arc<Shared>,
    key: u64,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.shared.lock().streams.remove(&self.key);
        self.shared.left.notify_all();
    }
}
