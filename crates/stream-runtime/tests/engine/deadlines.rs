//! Deadlines end their requests while a step hangs, with what was made before it.

use std::time::Duration;

use stream_core::{BackendExt, DeadlineKind, Deadlines, Error, Rejection, Sampling, TokenStream};
use stream_runtime::{EngineConfig, Spec};

use crate::lab::{Lab, config, greedy, read, spec};
use crate::toy::hashed;
use crate::words::ids;

/// Long beside the steps that the toy is allowed before it is held.
const LIMIT: Duration = Duration::from_millis(800);

fn deadlines(kind: DeadlineKind) -> Deadlines {
    let mut deadlines = Deadlines::default();
    let which = match kind {
        DeadlineKind::Queue => &mut deadlines.queue,
        DeadlineKind::FirstToken => &mut deadlines.first_token,
        DeadlineKind::BetweenTokens => &mut deadlines.between_tokens,
        DeadlineKind::Total => &mut deadlines.total,
    };
    *which = Some(LIMIT);
    deadlines
}

/// One row and one place in the queue.
fn lab() -> Lab {
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let config = EngineConfig {
        queue: 1,
        ..config()
    };
    let lab = Lab::with_config(hashed(), narrow, config);
    lab.control.hold();
    lab
}

/// The stream ends by its deadline, after so many tokens.
fn late(lab: &Lab, mut stream: TokenStream, kind: DeadlineKind, tokens: usize) {
    let mut items: Vec<_> = (&mut stream).into_iter().collect();
    assert_eq!(
        items.pop(),
        Some(Err(Error::Deadline { kind, limit: LIMIT }))
    );
    let made = items.into_iter().map(|item| item.unwrap().id.unwrap());
    let expected = lab.expected(&ids("late"), tokens, &Sampling::greedy());
    assert_eq!(made.collect::<Vec<_>>(), expected);
    let usage = stream.end().unwrap().usage;
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (4, tokens));
}

/// When the step has ended after all, both places can be taken again, and no block is lost.
fn all_is_free(lab: Lab, requests: u64) {
    lab.control.open();
    lab.control
        .until(|hand| hand.released.len() as u64 == requests);
    lab.control.hold();
    let again = || {
        let request = greedy(&ids("again"), 2).build().unwrap();
        loop {
            match lab.engine.generate(request.clone()) {
                Ok(stream) => return stream,
                // The place is given back a moment after the release.
                Err(rejected) => {
                    assert_eq!(rejected.reason, Rejection::QueueFull { capacity: 1 });
                }
            }
        }
    };
    let streams = [again(), again()];
    lab.control.open();
    for stream in streams {
        read(stream);
    }
    assert_eq!(lab.settle(requests + 2).requests_cancelled, 1);
}

#[test]
fn in_the_queue_behind_a_step_that_hangs() {
    let lab = lab();
    let first = lab.generate(greedy(&ids("first"), 2));
    lab.control.begun(1);
    let kind = DeadlineKind::Queue;
    let queued = lab.generate(greedy(&ids("late"), 9).deadlines(deadlines(kind)));
    late(&lab, queued, kind, 0);
    lab.control.open();
    read(first);
    all_is_free(lab, 2);
}

/// The model is held after so many steps.
fn in_its_own_step(kind: DeadlineKind, steps: usize) {
    let lab = lab();
    lab.control.allow(steps);
    let stream = lab.generate(greedy(&ids("late"), 9).deadlines(deadlines(kind)));
    late(&lab, stream, kind, steps);
    assert!(lab.engine.stats().kv_blocks_used > 0, "the step has them");
    all_is_free(lab, 1);
}

#[test]
fn before_the_first_token() {
    in_its_own_step(DeadlineKind::FirstToken, 0);
}

#[test]
fn between_two_tokens() {
    in_its_own_step(DeadlineKind::BetweenTokens, 2);
}

#[test]
fn for_the_whole_request() {
    in_its_own_step(DeadlineKind::Total, 3);
}
