//! A stream that nobody reads any more costs at most the step under way and one more.

use stream_core::{FinishReason, Sampling, Stop, TokenStream};
use stream_runtime::Spec;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::hashed;
use crate::words::{ids, text};

/// One row, so that the second request waits and the first is read in chunks of four.
fn narrow() -> Spec {
    Spec {
        max_rows: 1,
        max_tokens: 4,
        ..spec()
    }
}

fn aborted(stream: TokenStream) {
    let completion = stream.blocking().completion().unwrap();
    assert_eq!(completion.reason, FinishReason::Cancelled);
}

/// The model is held in step `step`; does `cancel`; lets the model end that step and begin the
/// next. The cancelled sequence, number 0, has no row in it and no block any more.
fn freed_after(lab: &Lab, step: usize, cancel: impl FnOnce()) {
    lab.control.begun(step);
    cancel();
    lab.control.allow(1);
    lab.control.begun(step + 1);
    assert!(lab.steps_of(0).iter().all(|&number| number < step));
    assert!(
        lab.control
            .hand()
            .released
            .contains(&stream_runtime::SequenceId(0))
    );
    let stats = lab.engine.stats();
    assert_eq!((stats.running, stats.waiting), (1, 0));
}

#[test]
fn in_prefill() {
    let lab = Lab::new(hashed(), narrow());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("a prompt of some length"), 20));
    let second = lab.generate(greedy(&ids("next"), 9));
    lab.control.allow(1);
    freed_after(&lab, 2, || first.abort());
    lab.control.open();
    aborted(first);
    assert_eq!(
        read(second),
        lab.expected(&ids("next"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.settle(2).requests_cancelled, 1);
}

#[test]
fn in_decode_and_by_dropping_the_stream() {
    let lab = Lab::new(hashed(), narrow());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("one"), 20));
    let second = lab.generate(greedy(&ids("next"), 9));
    lab.control.allow(3);
    freed_after(&lab, 4, || drop(first));
    lab.control.open();
    assert_eq!(
        read(second),
        lab.expected(&ids("next"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.settle(2).requests_cancelled, 1);
}

#[test]
fn in_the_queue() {
    let lab = Lab::new(hashed(), narrow());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("one"), 4));
    lab.control.begun(1);
    let queued = lab.generate(greedy(&ids("two"), 4));
    let third = lab.generate(greedy(&ids("three"), 4));
    lab.control.allow(1);
    lab.control.begun(2);
    assert_eq!(lab.engine.stats().waiting, 2);
    queued.abort();
    lab.control.allow(1);
    lab.control.begun(3);
    assert_eq!(lab.engine.stats().waiting, 1);
    lab.control.open();
    aborted(queued);
    assert_eq!(
        read(first),
        lab.expected(&ids("one"), 4, &Sampling::greedy())
    );
    assert_eq!(
        read(third),
        lab.expected(&ids("three"), 4, &Sampling::greedy())
    );
    assert_eq!(lab.steps_of(1), [0; 0]);
    assert_eq!(lab.settle(3).requests_cancelled, 1);
}

#[test]
fn before_the_model_has_seen_it() {
    let lab = Lab::new(hashed(), narrow());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("one"), 4));
    lab.control.begun(1);
    drop(lab.generate(greedy(&ids("two"), 4)));
    lab.control.open();
    read(first);
    assert_eq!(lab.settle(2).requests_cancelled, 1);
}

#[test]
fn while_its_reader_has_paused_it() {
    let lab = Lab::new(hashed(), spec());
    let slow = stream_core::SlowReader::Pause;
    let paused = lab.generate(greedy(&ids("slow"), 9).buffer(1).slow_reader(slow));
    lab.control.begun(1);
    // The loop sleeps now: the cancel itself must wake it.
    paused.abort();
    lab.control.until(|hand| hand.released.len() == 1);
    aborted(paused);
    lab.settle(1);
}

/// All text is held back by a stop string that never comes to its end: the cancel frees the
/// blocks as ever, and the reader gets the text.
#[test]
fn while_its_text_is_held_back() {
    let lab = Lab::new(hashed(), narrow());
    lab.control.hold();
    let said = text(&lab.expected(&ids("one"), 9, &Sampling::greedy()));
    let never = Stop::builder().string(format!("{said}\u{10FFFD}"));
    let never = never.ignore_eos().build().unwrap();
    let mut first = lab.generate(greedy(&ids("one"), 20).stop(never));
    let second = lab.generate(greedy(&ids("next"), 9));
    lab.control.allow(3);
    lab.control.begun(4);
    let held: Vec<_> = (&mut first).into_iter().take(3).collect();
    assert!(held.iter().flatten().all(|token| token.text.is_empty()));
    freed_after(&lab, 4, || first.abort());
    lab.control.open();
    let rest: Vec<_> = (&mut first).into_iter().map(Result::unwrap).collect();
    assert_eq!(rest.iter().map(|record| record.tokens).sum::<usize>(), 0);
    assert_eq!(
        first.text(),
        text(&lab.expected(&ids("one"), 3, &Sampling::greedy()))
    );
    assert_eq!(
        read(second),
        lab.expected(&ids("next"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.settle(2).requests_cancelled, 1);
}

#[test]
fn twice_and_after_the_end() {
    let lab = Lab::new(hashed(), spec());
    let mut stream = lab.generate(greedy(&ids("one"), 4));
    let abort = stream.abort_handle();
    let tokens = (&mut stream).into_iter().count();
    assert_eq!(tokens, 4);
    abort.abort();
    abort.abort();
    assert_eq!(stream.end().unwrap().outcome, Ok(FinishReason::Length));
    assert_eq!(lab.settle(1).requests_finished, 1);
}
