//! How an engine ends.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use stream_core::{Backend, BackendExt, Error, Health, Rejection, Sampling, TokenStream};

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::hashed;
use crate::words::ids;

fn error(stream: TokenStream) -> Error {
    stream.into_iter().last().unwrap().unwrap_err()
}

#[test]
fn a_drain_lets_streams_finish_and_takes_no_more() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    let streams: Vec<_> = (0..3)
        .map(|_| lab.generate(greedy(&ids("one"), 30)))
        .collect();
    let far = Instant::now() + Duration::from_secs(30);
    let drained = std::thread::scope(|scope| {
        let drain = scope.spawn(|| block_on(lab.engine.drain(far)));
        while block_on(lab.engine.health()) == Health::Ready {
            std::thread::yield_now();
        }
        assert_eq!(block_on(lab.engine.health()), Health::Draining);
        let late = greedy(&ids("late"), 1).build().unwrap();
        let rejected = lab.engine.generate(late).unwrap_err();
        assert_eq!(rejected.reason, Rejection::ShuttingDown);
        lab.control.open();
        drain.join().unwrap()
    });
    assert_eq!(drained.aborted, 0);
    for stream in streams {
        assert_eq!(
            read(stream),
            lab.expected(&ids("one"), 30, &Sampling::greedy())
        );
    }
    lab.settle(3);
}

#[test]
fn a_drain_ends_streams_though_the_model_hangs() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    lab.control.allow(2);
    let hung = lab.generate(greedy(&ids("one"), 30));
    lab.control.begun(3);
    let queued = lab.generate(greedy(&ids("two"), 30));
    let drained = block_on(lab.engine.drain(Instant::now()));
    assert_eq!(drained.aborted, 2);
    let items: Vec<_> = hung.into_iter().collect();
    assert_eq!(items.last(), Some(&Err(Error::ShutDown)));
    assert_eq!(error(queued), Error::ShutDown);
    assert_eq!(lab.settle(2).requests_cancelled, 2);
}

#[test]
fn dropping_an_engine_ends_its_streams() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    lab.control.allow(1);
    let running = lab.generate(greedy(&ids("one"), 30));
    lab.control.begun(2);
    let queued = lab.generate(greedy(&ids("two"), 30));
    let control = lab.control.clone();
    // It waits for the step under way, which ends while it does.
    std::thread::scope(|scope| {
        scope.spawn(move || drop(lab.engine));
        assert_eq!(error(running), Error::ShutDown);
        assert_eq!(error(queued), Error::ShutDown);
        control.open();
    });
    assert_eq!(control.hand().steps.len(), 2);
}

#[test]
fn dropping_an_engine_whose_model_hangs_does_not_hang() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    let stream = lab.generate(greedy(&ids("one"), 30));
    lab.control.begun(1);
    drop(lab.engine);
    assert_eq!(error(stream), Error::ShutDown);
    lab.control.open();
}

#[test]
fn dropping_an_idle_engine_ends_its_threads() {
    let lab = Lab::new(hashed(), spec());
    read(lab.generate(greedy(&ids("one"), 3)));
    let Lab {
        engine, control, ..
    } = lab;
    drop(engine);
    // The model is gone, and with it its hold on the control.
    assert!(control.is_alone());
}
