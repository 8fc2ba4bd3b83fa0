//! Threads that share the work of one step.
//!
//! A step of a small model is some 150 parallel regions of 5 to 50 µs, so handing out a region
//! must cost about a microsecond. Workers therefore spin between regions, but only for about as
//! long as waking them would take; then they sleep. The caller works too, and never waits for a
//! worker that has not begun: on a busy machine it does everything alone.

mod shared;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use shared::Shared;

/// A fixed number of threads, the caller among them.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads - 1` threads.
    ///
    /// # Errors
    /// If the operating system refuses one.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let mut pool = Self {
            shared: Arc::new(Shared::new(threads)),
            workers: Vec::new(),
        };
        for number in 1..threads {
            let shared = pool.shared.clone();
            let thread = std::thread::Builder::new().name(format!("candle-{number}"));
            pool.workers.push(thread.spawn(move || shared.serve())?);
        }
        Ok(pool)
    }

    /// Threads, the caller included.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` for ranges that together are `0..items`, at least `least` items in each but
    /// the last. With no more than `least` items the caller does them alone.
    ///
    /// # Panics
    /// If `task` does, on any thread; every thread has left it by then.
    pub(crate) fn run(&mut self, items: usize, least: usize, task: impl Fn(Range<usize>) + Sync) {
        if self.workers.is_empty() || items <= least {
            return task(0..items);
        }
        self.shared.run(&self.workers, items, least, &task);
    }

    /// Calls `task` for each chunk of `data` with its number; the last may be shorter.
    ///
    /// # Panics
    /// As [`run`](Self::run), and if `length` is 0.
    pub(crate) fn for_each_chunk<T: Send>(
        &mut self,
        data: &mut [T],
        length: usize,
        least: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let total = data.len();
        let base = Base(data.as_mut_ptr());
        self.run(total.div_ceil(length), least, |chunks| {
            for chunk in chunks {
                let start = chunk * length;
                let length = length.min(total - start);
                // SAFETY: the chunk lies in `data`, which is borrowed for the whole call, and
                // `run` hands out each number once, so nobody else has this chunk.
                let chunk_data = unsafe { std::slice::from_raw_parts_mut(base.at(start), length) };
                task(chunk, chunk_data);
            }
        });
    }

    /// Calls `task` for each element of `data` with its index.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub(crate) fn for_each<T: Send>(
        &mut self,
        data: &mut [T],
        least: usize,
        task: impl Fn(usize, &mut T) + Sync,
    ) {
        self.for_each_chunk(data, 1, least, |index, one| {
            one.iter_mut().for_each(|one| task(index, one));
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop(&self.workers);
        for worker in self.workers.drain(..) {
            // A worker catches every panic of a task, so it has none of its own to tell of.
            _ = worker.join();
        }
    }
}

/// The beginning of a slice that threads share out among themselves.
struct Base<T>(*mut T);

// SAFETY: it is only a number until `at`'s caller dereferences it, under `T: Send` in
// `for_each_chunk`.
unsafe impl<T: Send> Sync for Base<T> {}

impl<T> Base<T> {
    /// # Safety
    /// `offset` lies in the slice.
    unsafe fn at(&self, offset: usize) -> *mut T {
        // SAFETY: the caller says that it lies in the slice.
        unsafe { self.0.add(offset) }
    }
}
