//! What the threads of a pool share: the region under way and who is in it.

use std::any::Any;
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// How often a worker looks for the next region before it sleeps: some 50 to 100 µs.
const WORKER_SPINS: u32 = 2_000;
/// How often the caller looks whether the workers are done before it yields its CPU each time.
const CALLER_SPINS: u32 = 1_000;

/// The state's lowest bits count the workers inside the region.
const INSIDE: u64 = 0xffff;
/// This bit says that workers may still enter.
const OPEN: u64 = 1 << 16;
/// The bits above count regions.
const REGION: u64 = 1 << 17;

type Task<'a> = dyn Fn(Range<usize>) + Sync + 'a;

/// Keeps what many threads write on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Debug)]
pub(super) struct Shared {
    threads: usize,
    state: Apart<AtomicU64>,
    /// The first item that nobody has.
    next: Apart<AtomicUsize>,
    region: UnsafeCell<Option<Region>>,
    sleepers: AtomicUsize,
    stopped: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Clone, Copy)]
struct Region {
    /// Valid while the region is open or a worker is inside.
    task: *const Task<'static>,
    items: usize,
    least: usize,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} items", self.items)
    }
}

// SAFETY: `region` is written only while the region is closed and no worker is inside, and read
// only by workers inside; entering and leaving order the two. What it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            state: Apart::default(),
            next: Apart::default(),
            region: UnsafeCell::new(None),
            sleepers: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Does a region together with the workers. Only one caller at a time: `Pool::run` takes
    /// `&mut self`.
    pub(super) fn run(
        &self,
        workers: &[JoinHandle<()>],
        items: usize,
        least: usize,
        task: &Task<'_>,
    ) {
        // SAFETY: only the lifetime changes. The guard below keeps this function from
        // returning or unwinding before the region is closed and empty.
        let task = unsafe { std::mem::transmute::<&Task<'_>, &'static Task<'static>>(task) };
        let region = Region { task, items, least };
        self.open(region);
        let closing = Closing(self);
        self.wake(workers);
        self.work(region);
        drop(closing);
        if let Some(payload) = self.take_panic() {
            resume_unwind(payload);
        }
    }

    fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        let mut panic = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        panic.take()
    }

    /// Ends every worker's [`serve`](Self::serve).
    pub(super) fn stop(&self, workers: &[JoinHandle<()>]) {
        self.stopped.store(true, Ordering::SeqCst);
        self.state.0.fetch_add(REGION, Ordering::SeqCst);
        self.wake(workers);
    }

    /// A worker's life.
    pub(super) fn serve(&self) {
        let mut last = 0;
        loop {
            last = self.wait_for_region_after(last);
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            if self.enter(last) {
                self.help();
                self.state.0.fetch_sub(1, Ordering::Release);
            }
        }
    }

    fn open(&self, region: Region) {
        // A worker's panic is lost where the caller's own ended the region.
        drop(self.take_panic());
        self.next.0.store(0, Ordering::Relaxed);
        // SAFETY: the last region was closed and left by all, and this is the only caller.
        unsafe { *self.region.get() = Some(region) };
        let number = self.state.0.load(Ordering::Relaxed) / REGION + 1;
        // In one order with `sleepers`, so that either the worker sees this or is seen asleep.
        self.state
            .0
            .store((number * REGION) | OPEN, Ordering::SeqCst);
    }

    fn close(&self) {
        let mut state = self.state.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while state & INSIDE > 0 {
            match spins < CALLER_SPINS {
                true => spin_loop(),
                false => std::thread::yield_now(),
            }
            spins += 1;
            state = self.state.0.load(Ordering::Acquire);
        }
    }

    fn wake(&self, workers: &[JoinHandle<()>]) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            workers.iter().for_each(|worker| worker.thread().unpark());
        }
    }

    /// The number of the first region after `last`, as soon as there is one.
    fn wait_for_region_after(&self, last: u64) -> u64 {
        let number = |order| self.state.0.load(order) / REGION;
        for _ in 0..WORKER_SPINS {
            match number(Ordering::Acquire) {
                now if now != last => return now,
                _ => spin_loop(),
            }
        }
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while number(Ordering::SeqCst) == last {
            std::thread::park();
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        number(Ordering::Acquire)
    }

    /// Counts this worker in, unless the region is over.
    fn enter(&self, number: u64) -> bool {
        let enter = |state: u64| {
            let same = state / REGION == number && state & OPEN > 0;
            same.then_some(state + 1)
        };
        let state = &self.state.0;
        state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .is_ok()
    }

    /// A worker's part of the region that it has entered.
    fn help(&self) {
        // SAFETY: this worker is inside, so nobody writes the region, and it is there.
        let Some(region) = (unsafe { *self.region.get() }) else {
            return;
        };
        let work = AssertUnwindSafe(|| self.work(region));
        if let Err(payload) = catch_unwind(work) {
            let mut panic = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            panic.get_or_insert(payload);
        }
    }

    fn work(&self, region: Region) {
        // SAFETY: the caller of `run` is still in it, or this worker is inside the region.
        let task = unsafe { &*region.task };
        while let Some(range) = self.claim(region) {
            task(range);
        }
    }

    /// The next range: large at first, small at the end, so that all are done at about the
    /// same time.
    fn claim(&self, Region { items, least, .. }: Region) -> Option<Range<usize>> {
        let size = |start: usize| ((items - start) / (2 * self.threads)).max(least.max(1));
        let end = |start: usize| (start < items).then(|| items.min(start + size(start)));
        let claimed = self
            .next
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, end);
        claimed.ok().and_then(|start| Some(start..end(start)?))
    }
}

/// Closes the region and waits until every worker has left it, also when the caller panics.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
