//! A model that fails: its own streams end once, with the reason, and the others do not notice.

use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, Error, Health, Rejection, Sampling, StreamToken, TokenStream,
};
use stream_runtime::Spec;
use stream_testkit::Fault;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::{MIXED, hashed};
use crate::words::ids;

/// The tokens of a stream, and the error that is its last item.
fn failed(stream: TokenStream) -> (Vec<u32>, Error) {
    let mut items: Vec<Result<StreamToken, Error>> = stream.into_iter().collect();
    let error = items.pop().unwrap().unwrap_err();
    let ids = items.into_iter().map(|item| item.unwrap().id.unwrap());
    (ids.collect(), error)
}

fn engine_error(message: &str) -> Error {
    Error::Engine(message.into())
}

/// One row a step: the first request is in step 2 when it fails, the second waits.
fn fails_alone(fault: Fault, message: &str) {
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let lab = Lab::new(hashed(), narrow);
    lab.control.hold();
    lab.control.hand().faults.insert(2, fault);
    let first = lab.generate(greedy(&ids("one"), 9));
    let second = lab.generate(greedy(&ids("two"), 9));
    lab.control.open();
    let expected = lab.expected(&ids("one"), 2, &Sampling::greedy());
    assert_eq!(failed(first), (expected, engine_error(message)));
    assert_eq!(
        read(second),
        lab.expected(&ids("two"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.control.hand().resets, 1);
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    let stats = lab.settle(2);
    assert_eq!((stats.requests_failed, stats.requests_finished), (1, 1));
}

#[test]
fn a_step_that_fails_takes_its_own_rows_alone() {
    let cases = [
        (Fault::PanicInLaunch, "the model panicked: launch panics"),
        (Fault::PanicInCollect, "the model panicked: collect panics"),
        (Fault::ErrorInLaunch, "launch fails"),
        (Fault::ErrorInCollect, "collect fails"),
        (
            Fault::OneTooFew,
            "the model gave 0 outcomes where 1 were asked for",
        ),
        (
            Fault::OneTooMany,
            "the model gave 2 outcomes where 1 were asked for",
        ),
        (
            Fault::IdOutsideVocabulary,
            "the model chose the id 64, but the vocabulary is 60",
        ),
        (MIXED, "the model scored where it was to choose"),
    ];
    for (fault, message) in cases {
        fails_alone(fault, message);
    }
}

/// The reset empties the cache, so that the paused sequence has to be computed again.
#[test]
fn a_sequence_outside_the_failed_step_survives_the_reset() {
    let lab = Lab::new(hashed(), spec());
    let pause = stream_core::SlowReader::Pause;
    let paused = lab.generate(greedy(&ids("paused"), 9).buffer(2).slow_reader(pause));
    lab.control.begun(2);
    lab.control.hand().faults.insert(4, Fault::PanicInLaunch);
    let (ids_seen, error) = failed(lab.generate(greedy(&ids("fails"), 9)));
    assert_eq!(error, engine_error("the model panicked: launch panics"));
    assert_eq!(
        ids_seen,
        lab.expected(&ids("fails"), 2, &Sampling::greedy())
    );
    assert_eq!(
        read(paused),
        lab.expected(&ids("paused"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.settle(2).preemptions, 1);
}

#[test]
fn a_row_without_a_finite_logit_ends_alone() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("one"), 9));
    lab.control.begun(1);
    let second = lab.generate(greedy(&ids("two"), 9));
    lab.control.hand().faults.insert(3, Fault::NotANumber(0));
    lab.control.open();
    let expected = lab.expected(&ids("one"), 3, &Sampling::greedy());
    assert_eq!(failed(first), (expected, Error::Numerical { index: 3 }));
    assert_eq!(
        read(second),
        lab.expected(&ids("two"), 9, &Sampling::greedy())
    );
    assert_eq!(lab.control.hand().resets, 0);
    assert_eq!(lab.settle(2).requests_failed, 1);
}

fn is_dead(lab: &Lab, message: &str) {
    assert_eq!(
        block_on(lab.engine.health()),
        Health::Failed(message.into())
    );
    let request = greedy(&ids("late"), 1).build().unwrap();
    let rejected = lab.engine.generate(request.clone()).unwrap_err();
    assert_eq!(rejected.reason, Rejection::Failed(message.into()));
    assert_eq!(rejected.into_request(), request);
}

#[test]
fn a_model_that_cannot_be_reset_is_given_up() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    lab.control.hand().reset_fails = true;
    lab.control.hand().faults.insert(1, Fault::ErrorInLaunch);
    let streams = [
        lab.generate(greedy(&ids("one"), 9)),
        lab.generate(greedy(&ids("two"), 9)),
    ];
    lab.control.begun(1);
    let queued = lab.generate(greedy(&ids("three"), 9));
    lab.control.open();
    let message = "launch fails; the model cannot be reset: reset fails";
    for stream in streams.into_iter().chain([queued]) {
        assert_eq!(failed(stream).1, engine_error(message));
    }
    is_dead(&lab, message);
    assert_eq!(lab.settle(3).requests_failed, 3);
}

#[test]
fn a_model_that_fails_again_and_again_is_given_up() {
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let lab = Lab::new(hashed(), narrow);
    lab.control.hold();
    for step in 1..4 {
        lab.control.hand().faults.insert(step, Fault::PanicInLaunch);
    }
    let streams: Vec<_> = (0..5)
        .map(|_| lab.generate(greedy(&ids("one"), 9)))
        .collect();
    lab.control.open();
    let once = "the model panicked: launch panics";
    let last = format!("{once}; 3 steps in a row failed");
    let messages = [once, once, &last, &last, &last];
    for (stream, message) in streams.into_iter().zip(messages) {
        assert_eq!(failed(stream).1, engine_error(message));
    }
    is_dead(&lab, &last);
    lab.settle(5);
}

#[test]
fn failures_with_a_good_step_between_them_are_not_in_a_row() {
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let lab = Lab::new(hashed(), narrow);
    for step in [0, 1, 3, 4, 6, 7] {
        lab.control.hand().faults.insert(step, Fault::ErrorInLaunch);
    }
    let outcomes = (0..9).map(|_| lab.generate(greedy(&ids("one"), 1)).blocking().completion());
    let failed: Vec<_> = outcomes.map(|outcome| outcome.is_err()).collect();
    assert_eq!(
        failed,
        [true, true, false, true, true, false, true, true, false]
    );
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    lab.settle(9);
}

/// Eight requests in a row without a finite logit: the health drops, and a good token mends it.
#[test]
fn numbers_that_are_none_again_and_again_are_told() {
    let lab = Lab::new(hashed(), spec());
    for requests in 1..=9 {
        lab.control.strike(Fault::NotANumber(0));
        let (_, error) = failed(lab.generate(greedy(&ids("one"), 9)));
        assert_eq!(error, Error::Numerical { index: 0 });
        let why = format!("the logits of {requests} requests in a row were not finite");
        let expected = match requests {
            1..8 => Health::Ready,
            _ => Health::Failed(why.into()),
        };
        assert_eq!(block_on(lab.engine.health()), expected);
    }
    let expected = lab.expected(&ids("two"), 9, &Sampling::greedy());
    assert_eq!(read(lab.generate(greedy(&ids("two"), 9))), expected);
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    lab.settle(10);
}

/// Two requests that decode side by side when the model runs out of memory in these steps.
fn out_of_memory_in(steps: &[usize]) -> (Lab, [TokenStream; 2]) {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    let first = lab.generate(greedy(&ids("one"), 9));
    lab.control.begun(1);
    let second = lab.generate(greedy(&ids("two"), 9));
    for &step in steps {
        lab.control.hand().faults.insert(step, Fault::OutOfMemory);
    }
    lab.control.open();
    (lab, [first, second])
}

#[test]
fn a_step_without_memory_is_done_in_halves() {
    let (lab, streams) = out_of_memory_in(&[3]);
    let whole = streams.map(read);
    let expected = ["one", "two"].map(|text| lab.expected(&ids(text), 9, &Sampling::greedy()));
    assert_eq!(whole, expected);
    let hand = lab.control.hand();
    let rows: Vec<_> = hand.steps[2..6].iter().map(Vec::len).collect();
    assert_eq!(rows, [2, 2, 1, 2]);
    assert_eq!(hand.resets, 0, "its cache is as it was");
    drop(hand);
    assert_eq!(lab.settle(2).requests_finished, 2);
}

#[test]
fn a_prompt_without_memory_is_read_in_halves() {
    let lab = Lab::new(hashed(), spec());
    lab.control.strike(Fault::OutOfMemory);
    let expected = lab.expected(&ids("a prompt"), 3, &Sampling::greedy());
    assert_eq!(read(lab.generate(greedy(&ids("a prompt"), 3))), expected);
    let hand = lab.control.hand();
    let read: Vec<_> = hand.steps[..3]
        .iter()
        .map(|rows| rows[0].positions.clone())
        .collect();
    assert_eq!(read, [0..8, 0..4, 4..8]);
    drop(hand);
    lab.settle(1);
}

#[test]
fn where_half_of_a_step_has_no_memory_either_its_rows_fail() {
    let (lab, [first, second]) = out_of_memory_in(&[3, 4]);
    let expected = lab.expected(&ids("one"), 3, &Sampling::greedy());
    assert_eq!(failed(first), (expected, engine_error("out of memory")));
    let expected = lab.expected(&ids("two"), 9, &Sampling::greedy());
    assert_eq!(read(second), expected);
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    assert_eq!(lab.settle(2).requests_failed, 1);
}
