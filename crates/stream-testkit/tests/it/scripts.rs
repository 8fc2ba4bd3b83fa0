//! What a reader sees of a backend that does what it is told.

use std::time::Duration;

use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, DeadlineKind, Deadlines, Error, FinishReason, Health, Rejection, Request,
};
use stream_testkit::{Act, Scripted};

/// Of a stream that would not end by itself.
const LIMIT: Duration = Duration::from_millis(50);

fn told(script: impl IntoIterator<Item = Act>) -> (String, Result<FinishReason, Error>) {
    let script: Vec<_> = script.into_iter().collect();
    let deadlines = Deadlines {
        total: script.contains(&Act::Hang).then_some(LIMIT),
        ..Deadlines::default()
    };
    let request = Request::raw("x").deadlines(deadlines).build().unwrap();
    let mut stream = Scripted::new(script).generate(request).unwrap();
    (&mut stream).into_iter().for_each(drop);
    let end = stream.end().expect("every stream has an end");
    (stream.text().to_owned(), end.outcome.clone())
}

#[test]
fn every_end_is_told() {
    let total = Error::Deadline {
        kind: DeadlineKind::Total,
        limit: LIMIT,
    };
    let broken = Error::Engine("a cable".into());
    let cases = [
        (Act::Finish(FinishReason::Length), Ok(FinishReason::Length)),
        (Act::Fail(broken.clone()), Err(broken)),
        (Act::Abandon, Err(Error::Abandoned)),
        (Act::Panic, Err(Error::Abandoned)),
        (Act::Hang, Err(total)),
        (
            Act::Wait(Duration::from_millis(1)),
            Ok(FinishReason::EndOfSequence),
        ),
    ];
    for (last, outcome) in cases {
        let script = [Act::say("a"), Act::Say(Some(7), b"b".to_vec()), last];
        assert_eq!(told(script), ("ab".to_owned(), outcome));
    }
}

#[test]
fn divided_characters_leave_whole() {
    let smile = "\u{1F642}".bytes().map(|byte| Act::say([byte]));
    let cut = [Act::say("!"), Act::say(b"\xE6\xB0")];
    let (text, outcome) = told(smile.chain(cut));
    assert_eq!(text, "\u{1F642}!\u{FFFD}");
    assert_eq!(outcome, Ok(FinishReason::EndOfSequence));
}

#[test]
fn refusals_and_health_are_as_told() {
    let failed = Health::Failed("a cable".into());
    let full = Rejection::QueueFull { capacity: 3 };
    let backend = Scripted::new([])
        .refusing(full.clone())
        .with_health(failed.clone());
    let refused = backend.generate(Request::raw("x").build().unwrap());
    assert_eq!(refused.unwrap_err().reason, full);
    assert_eq!(block_on(backend.health()), failed);
}
