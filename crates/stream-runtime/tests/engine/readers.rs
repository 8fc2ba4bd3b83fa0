//! A reader that is slow is slow alone.

use std::time::Duration;

use stream_core::{Error, Sampling, SlowReader, StreamToken};
use stream_runtime::Spec;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::hashed;
use crate::words::ids;

#[test]
fn a_paused_sequence_stops_alone_and_resumes() {
    let lab = Lab::new(hashed(), spec());
    let paused = greedy(&ids("slow"), 20)
        .buffer(3)
        .slow_reader(SlowReader::Pause);
    let mut paused = lab.generate(paused);
    let other = read(lab.generate(greedy(&ids("quick"), 60)));
    assert_eq!(other, lab.expected(&ids("quick"), 60, &Sampling::greedy()));
    // Three tokens fill its buffer: it had no more rows than these.
    assert_eq!(lab.steps_of(0).len(), 3);
    assert_eq!(paused.usage().completion_tokens, 3);
    assert_eq!(lab.engine.stats().running, 1);
    let first = (&mut paused).into_iter().next().unwrap().unwrap();
    lab.control.until(|hand| {
        let rows = hand.steps.iter().flatten();
        rows.filter(|row| row.sequence.0 == 0).count() == 4
    });
    let expected = lab.expected(&ids("slow"), 20, &Sampling::greedy());
    assert_eq!(first.id, Some(expected[0]));
    assert_eq!(read(paused), expected);
    assert_eq!(lab.settle(2).preemptions, 0);
}

/// A row in every step from its first to its last, whatever the reader beside it does.
#[test]
fn a_stalled_reader_takes_no_step_from_its_neighbour() {
    let policies = [
        SlowReader::Coalesce,
        SlowReader::Pause,
        SlowReader::Abort {
            after: Duration::from_millis(1),
        },
    ];
    for policy in policies {
        let lab = Lab::new(hashed(), spec());
        lab.control.hold();
        let stalled = greedy(&ids("slow"), 30).buffer(1).slow_reader(policy);
        let stalled = lab.generate(stalled);
        lab.control.begun(1);
        let quick = lab.generate(greedy(&ids("quick"), 30));
        lab.control.open();
        assert_eq!(
            read(quick),
            lab.expected(&ids("quick"), 30, &Sampling::greedy())
        );
        assert_eq!(lab.steps_of(1), (1..31).collect::<Vec<_>>(), "{policy:?}");
        drop(stalled);
        lab.settle(2);
    }
}

#[test]
fn nothing_is_computed_while_all_are_paused() {
    let lab = Lab::new(hashed(), spec());
    let request = || {
        greedy(&ids("slow"), 20)
            .buffer(2)
            .slow_reader(SlowReader::Pause)
    };
    let streams = [lab.generate(request()), lab.generate(request())];
    for sequence in 0..2 {
        lab.control.until(|hand| {
            let rows = hand.steps.iter().flatten();
            rows.filter(|row| row.sequence.0 == sequence).count() == 2
        });
    }
    let expected = lab.expected(&ids("slow"), 20, &Sampling::greedy());
    for stream in streams {
        assert_eq!(read(stream), expected);
    }
    // No step without a row, and none for a row that could not be sent.
    let steps = lab.control.hand().steps.clone();
    assert!(steps.iter().all(|rows| !rows.is_empty()));
    assert_eq!(steps.iter().flatten().count(), 40);
    lab.settle(2);
}

#[test]
fn a_reader_that_coalesces_misses_nothing() {
    let lab = Lab::new(hashed(), spec());
    let stream = lab.generate(greedy(&ids("later"), 50).buffer(4));
    lab.control.begun(50);
    let expected = lab.expected(&ids("later"), 50, &Sampling::greedy());
    assert_eq!(lab.drain().aborted, 0);
    let records: Vec<_> = stream.into_iter().map(Result::unwrap).collect();
    assert_eq!(records.len(), 4);
    let ids: Vec<_> = records.iter().flat_map(StreamToken::ids).collect();
    assert_eq!(ids, expected);
    lab.settle(1);
}

#[test]
fn a_reader_that_stalls_too_long_loses_its_stream() {
    let lab = Lab::new(hashed(), spec());
    let after = Duration::from_millis(20);
    let stalled = greedy(&ids("gone"), 50)
        .buffer(2)
        .slow_reader(SlowReader::Abort { after });
    let mut stalled = lab.generate(stalled);
    let other = read(lab.generate(greedy(&ids("here"), 50)));
    assert_eq!(other, lab.expected(&ids("here"), 50, &Sampling::greedy()));
    lab.control.until(|hand| hand.released.len() == 2);
    let items: Vec<_> = (&mut stalled).into_iter().collect();
    assert_eq!(items.len(), 3);
    assert_eq!(items[2], Err(Error::SlowReader { limit: after }));
    assert_eq!(lab.settle(2).requests_cancelled, 1);
}

/// Two paused readers and a newcomer that needs their blocks: they lose them and lose no token.
#[test]
fn a_paused_sequence_is_preempted_and_recomputed() {
    let tight = Spec {
        blocks: 16,
        ..spec()
    };
    let lab = Lab::new(hashed(), tight);
    let request = |text| {
        greedy(&ids(text), 30)
            .buffer(1)
            .slow_reader(SlowReader::Pause)
    };
    let paused = [lab.generate(request("one")), lab.generate(request("two"))];
    lab.control
        .until(|hand| hand.steps.iter().flatten().count() == 2);
    let large = read(lab.generate(greedy(&ids("three"), 60)));
    assert_eq!(large, lab.expected(&ids("three"), 60, &Sampling::greedy()));
    for (text, stream) in ["one", "two"].into_iter().zip(paused) {
        assert_eq!(
            read(stream),
            lab.expected(&ids(text), 30, &Sampling::greedy())
        );
    }
    assert!(lab.settle(3).preemptions >= 1);
}
