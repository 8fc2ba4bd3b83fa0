//! Steps that do not end: a stream's end does not wait for them.

use std::time::{Duration, Instant};

use stream_core::{
    Backend, BackendExt, DeadlineKind, Deadlines, Error, FinishReason, Health, Rejection,
    RequestBuilder, TokenStream,
};

use crate::ask::{Answer, ask, question, read_any, same, start};
use crate::run::{wait_for_end, wait_for_token};
use crate::verdict::ensure;
use crate::{Broken, Control, Ground, Kept, Verdict};

/// Deadlines of every kind end their streams though a step hangs, and when it ends after all the
/// backend answers as before.
///
/// # Errors
/// How the law was broken.
pub async fn deadlines_hold_while_a_step_hangs(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    let expected = ask(backend, question(backend, ground, 0)).await?;
    let limit = Duration::from_millis(30);
    let kinds = [
        DeadlineKind::BetweenTokens,
        DeadlineKind::FirstToken,
        DeadlineKind::Queue,
        DeadlineKind::Total,
    ];
    control.hold();
    let mut streams = Vec::new();
    for (number, kind) in kinds.into_iter().enumerate() {
        let request = question(backend, ground, number).deadlines(only(kind, limit));
        let stream = match kind {
            DeadlineKind::BetweenTokens => held_after_a_token(backend, ground, control, request)?,
            _ => start(backend, request)?,
        };
        streams.push((kind, stream));
    }
    for (kind, stream) in streams {
        wait_for_end(&stream, ground);
        let outcome = read_any(stream).await?.end.outcome;
        let passed = Err(Error::Deadline { kind, limit });
        ensure!(
            outcome == passed,
            "in a step that hangs the {kind} deadline ended a stream with {outcome:?}"
        );
    }
    control.open();
    answers_as_before(backend, ground, &expected).await?;
    Ok(Kept::Checked)
}

fn only(kind: DeadlineKind, limit: Duration) -> Deadlines {
    let limit_of = |this| (this == kind).then_some(limit);
    Deadlines {
        queue: limit_of(DeadlineKind::Queue),
        first_token: limit_of(DeadlineKind::FirstToken),
        between_tokens: limit_of(DeadlineKind::BetweenTokens),
        total: limit_of(DeadlineKind::Total),
    }
}

/// A stream that has had a token and waits for the next in a step that hangs.
fn held_after_a_token(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
    request: RequestBuilder,
) -> Result<TokenStream, Broken> {
    let first = control.hand().steps.len();
    let stream = start(backend, request)?;
    for step in first.. {
        let held = control.wait(ground.patience, |hand| hand.steps.len() > step);
        ensure!(held, "no step was begun for a request");
        let earlier = control.hand().steps[first..step].concat();
        if earlier.iter().any(|row| row.sampled) {
            break;
        }
        control.allow(1);
    }
    wait_for_token(&stream, ground)?;
    Ok(stream)
}

/// Cancelled and dropped streams end at once though a step hangs.
///
/// # Errors
/// How the law was broken.
pub async fn a_cancel_does_not_wait_for_a_step(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    let expected = ask(backend, question(backend, ground, 0)).await?;
    control.hold();
    let in_step = held_after_a_token(backend, ground, control, question(backend, ground, 0))?;
    let waiting = start(backend, question(backend, ground, 1))?;
    drop(start(backend, question(backend, ground, 2))?);
    for stream in [in_step, waiting] {
        stream.abort();
        stream.abort();
        let outcome = read_any(stream).await?.end.outcome;
        ensure!(
            outcome == Ok(FinishReason::Cancelled),
            "a stream cancelled while a step hangs ended with {outcome:?}"
        );
    }
    control.open();
    answers_as_before(backend, ground, &expected).await?;
    Ok(Kept::Checked)
}

/// A drain ends what is left when its time is over, though a step hangs.
///
/// # Errors
/// How the law was broken.
pub async fn a_drain_does_not_wait_for_a_step(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    control.hold();
    let in_step = held_after_a_token(backend, ground, control, question(backend, ground, 0))?;
    let waiting = start(backend, question(backend, ground, 1))?;
    let drained = backend.drain(Instant::now()).await;
    ensure!(
        (drained.finished, drained.aborted) == (0, 2),
        "a drain of two streams of which one hangs gave {drained:?}"
    );
    for stream in [in_step, waiting] {
        let outcome = read_any(stream).await?.end.outcome;
        ensure!(
            outcome == Err(Error::ShutDown),
            "a drained stream ended with {outcome:?}"
        );
    }
    Ok(Kept::Checked)
}

/// A step that hangs ends every stream, in it and waiting. Meanwhile the backend says that it has
/// failed and takes no requests; when the step ends after all it answers as before.
///
/// # Errors
/// How the law was broken.
pub async fn a_hang_ends_every_stream(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    if !ground.ends_hangs {
        return Ok(Kept::Skipped("it is not said to end steps that hang"));
    }
    let expected = ask(backend, question(backend, ground, 0)).await?;
    control.hold();
    let in_step = held_after_a_token(backend, ground, control, question(backend, ground, 0))?;
    let waiting = start(backend, question(backend, ground, 1))?;
    for stream in [in_step, waiting] {
        let outcome = read_any(stream).await?.end.outcome;
        ensure!(
            matches!(outcome, Err(Error::Hung { .. })),
            "a step that hangs ended a stream with {outcome:?}"
        );
    }
    says_that_it_has_failed(backend, ground).await?;
    control.open();
    serves_again(backend, ground).await?;
    answers_as_before(backend, ground, &expected).await?;
    Ok(Kept::Checked)
}

async fn says_that_it_has_failed(backend: &dyn Backend, ground: &Ground) -> Result<(), Broken> {
    let health = backend.health().await;
    ensure!(
        matches!(health, Health::Failed(_)),
        "while a step hangs its health is {health:?}"
    );
    let request = question(backend, ground, 2).build();
    let request = request.expect("laws ask for what is possible");
    let refused = backend.generate(request).map_err(|refused| refused.reason);
    ensure!(
        matches!(refused, Err(Rejection::Failed(_))),
        "while a step hangs it answers a request with {refused:?}"
    );
    Ok(())
}

async fn serves_again(backend: &dyn Backend, ground: &Ground) -> Result<(), Broken> {
    let end = Instant::now() + ground.patience;
    while backend.health().await != Health::Ready {
        ensure!(
            Instant::now() < end,
            "the step has ended, but its health is {:?}",
            backend.health().await
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

async fn answers_as_before(
    backend: &dyn Backend,
    ground: &Ground,
    expected: &Answer,
) -> Result<(), Broken> {
    let answer = ask(backend, question(backend, ground, 0)).await?;
    same(backend, &answer, expected)
}
