//! Ends that come from outside.

use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use stream_core::{Backend, BackendExt, DeadlineKind, Deadlines, Error, Rejected, Rejection};

use crate::ask::{question, read, read_any, start};
use crate::run::wait_for_end;
use crate::verdict::ensure;
use crate::{Ground, Kept, Verdict};

/// So many streams at most are drained at once.
const MOST: usize = 32;

/// A deadline ends its stream with its own error and what was made until then.
///
/// # Errors
/// How the law was broken.
pub async fn a_deadline_ends_its_stream(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let limit = Duration::from_millis(30);
    let deadlines = Deadlines {
        total: Some(limit),
        ..Deadlines::default()
    };
    // Its reader takes nothing, so that it cannot end before.
    let stream = start(
        backend,
        question(backend, ground, 0).buffer(1).deadlines(deadlines),
    )?;
    wait_for_end(&stream, ground);
    let answer = read_any(stream).await?;
    let expected = Error::Deadline {
        kind: DeadlineKind::Total,
        limit,
    };
    let outcome = &answer.end.outcome;
    ensure!(
        *outcome == Err(expected),
        "a stream past its deadline ended with {outcome:?}"
    );
    let (said, seen) = (answer.end.usage.completion_tokens, answer.records.len());
    ensure!(
        said == seen,
        "usage says {said} tokens, the stream had {seen}"
    );
    Ok(Kept::Checked)
}

/// A deadline that has passed before the work begins ends its stream with its own name, whichever
/// it is, and the work is not begun for nobody.
///
/// # Errors
/// How the law was broken.
pub async fn a_deadline_that_has_passed_is_kept(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let now = Some(Duration::ZERO);
    let none = Deadlines::default();
    let deadlines = [
        (DeadlineKind::Queue, Deadlines { queue: now, ..none }),
        (
            DeadlineKind::FirstToken,
            Deadlines {
                first_token: now,
                ..none
            },
        ),
        (DeadlineKind::Total, Deadlines { total: now, ..none }),
    ];
    for (kind, deadlines) in deadlines {
        let request = question(backend, ground, 0).deadlines(deadlines);
        let answer = read_any(start(backend, request)?).await?;
        let limit = Duration::ZERO;
        let passed = Err(Error::Deadline { kind, limit });
        ensure!(
            answer.end.outcome == passed && answer.tokens() == 0,
            "a {kind} deadline of nothing ended a stream of {} tokens with {:?}",
            answer.tokens(),
            answer.end.outcome
        );
    }
    Ok(Kept::Checked)
}

/// A drain lets streams come to their end, those that wait for their turn too, and takes no
/// more.
///
/// # Errors
/// How the law was broken.
pub async fn a_drain_lets_streams_finish(backend: &dyn Backend, ground: &Ground) -> Verdict {
    // They wait for their readers, who come while the drain waits for them.
    let stalled = |number| start(backend, question(backend, ground, number).buffer(1));
    let limits = backend.info().limits;
    let many = match limits.queue {
        0 => 3.min(limits.concurrent),
        _ => 3.max(limits.concurrent.min(MOST) + 1),
    };
    let streams = (0..many).map(stalled).collect::<Result<Vec<_>, _>>()?;
    let drain = backend.drain(Instant::now() + ground.patience);
    let (drained, answers) = join(drain, join_all(streams.into_iter().map(read))).await;
    ensure!(
        drained.aborted == 0,
        "a drain with time enough ended {} streams",
        drained.aborted
    );
    for answer in answers {
        answer?;
    }
    let late = question(backend, ground, 0)
        .build()
        .expect("laws ask for what is possible");
    let reason = backend
        .generate(late)
        .err()
        .map(|Rejected { reason, .. }| reason);
    ensure!(
        reason == Some(Rejection::ShuttingDown),
        "after a drain a request is met with {reason:?}"
    );
    Ok(Kept::Checked)
}

/// A drain ends streams that do not finish in time.
///
/// # Errors
/// How the law was broken.
pub async fn a_drain_ends_what_does_not_finish(backend: &dyn Backend, ground: &Ground) -> Verdict {
    // Their readers take nothing, so that they cannot end.
    let stalled = |number| start(backend, question(backend, ground, number).buffer(1));
    let streams = [stalled(0)?, stalled(1)?];
    let drained = backend.drain(Instant::now()).await;
    ensure!(
        drained.aborted == 2,
        "of two stalled streams a drain ended {}",
        drained.aborted
    );
    for stream in streams {
        let outcome = read_any(stream).await?.end.outcome;
        ensure!(
            outcome == Err(Error::ShutDown),
            "a drained stream ended with {outcome:?}"
        );
    }
    Ok(Kept::Checked)
}
