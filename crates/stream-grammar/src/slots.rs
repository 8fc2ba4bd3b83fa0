//! How many things may happen at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A number of slots, of which a few may be taken.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One of them, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        })
    }

    /// Waits for a slot until then.
    pub(crate) fn take(self: &Arc<Self>, until: Instant) -> Option<Slot> {
        let wait = until.saturating_duration_since(Instant::now());
        let none_free = |free: &mut usize| *free == 0;
        let waited = self.freed.wait_timeout_while(self.lock(), wait, none_free);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Slot(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_than_there_are_and_a_freed_one_wakes_who_waits() {
        let slots = Slots::new(2);
        let now = Instant::now();
        let first = slots.take(now).unwrap();
        let _second = slots.take(now).unwrap();
        assert!(slots.take(now).is_none());
        let late = now + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| slots.take(late).is_some());
            drop(first);
            assert!(waits.join().unwrap());
        });
    }
}
