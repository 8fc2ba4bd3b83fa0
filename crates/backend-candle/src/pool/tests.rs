use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Pool;

#[test]
fn every_item_is_done_once() {
    for threads in [1, 2, 5] {
        let mut pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads);
        for items in [0, 1, 2, 7, 64, 1_000] {
            for least in [0, 1, 16] {
                let done: Vec<_> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                pool.run(items, least, |range| {
                    for i in range {
                        done[i].fetch_add(1, Ordering::Relaxed);
                    }
                });
                assert!(done.iter().all(|n| n.load(Ordering::Relaxed) == 1));
            }
        }
    }
}

#[test]
fn chunks_are_whole_and_numbered() {
    let mut pool = Pool::new(3).unwrap();
    let mut data = vec![0; 103];
    pool.for_each_chunk(&mut data, 10, 1, |number, chunk| {
        assert_eq!(chunk.len(), if number == 10 { 3 } else { 10 });
        chunk.fill(number);
    });
    assert!(data.iter().enumerate().all(|(i, &number)| number == i / 10));
}

#[test]
fn the_caller_gets_a_workers_panic_and_the_pool_goes_on() {
    let mut pool = Pool::new(2).unwrap();
    let caller = std::thread::current().id();
    // The caller waits in its first item until the worker has panicked in another.
    let worker_was_here = AtomicUsize::new(0);
    let region = catch_unwind(AssertUnwindSafe(|| {
        pool.run(2, 1, |_| {
            if std::thread::current().id() == caller {
                while worker_was_here.load(Ordering::Acquire) == 0 {
                    std::thread::yield_now();
                }
            } else {
                worker_was_here.store(1, Ordering::Release);
                panic!("in a worker");
            }
        });
    }));
    let payload = region.unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in a worker"));
    let done = AtomicUsize::new(0);
    pool.run(100, 1, |range| {
        _ = done.fetch_add(range.len(), Ordering::Relaxed);
    });
    assert_eq!(done.into_inner(), 100);
}

#[test]
fn the_callers_panic_waits_for_the_workers() {
    let mut pool = Pool::new(2).unwrap();
    let caller = std::thread::current().id();
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let region = catch_unwind(AssertUnwindSafe(|| {
        pool.run(2, 1, |_| {
            if std::thread::current().id() == caller {
                while begun.load(Ordering::Acquire) == 0 {
                    std::thread::yield_now();
                }
                panic!("in the caller");
            }
            begun.store(1, Ordering::Release);
            std::thread::sleep(Duration::from_millis(20));
            ended.store(1, Ordering::Release);
        });
    }));
    assert!(region.is_err());
    assert_eq!(ended.into_inner(), 1);
}

#[test]
fn sleeping_workers_are_woken() {
    let mut pool = Pool::new(2).unwrap();
    let caller = std::thread::current().id();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(5));
        // Both items must be in work at once, so the region ends only if the worker comes.
        let here = AtomicUsize::new(0);
        pool.run(2, 1, |_| {
            here.fetch_add(1, Ordering::AcqRel);
            while std::thread::current().id() == caller && here.load(Ordering::Acquire) < 2 {
                std::thread::yield_now();
            }
        });
    }
}
