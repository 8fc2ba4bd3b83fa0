//! Streams that nobody wants any more.

use stream_core::{Backend, FinishReason, Stats};

use crate::ask::{ask, question, read_any, start, token};
use crate::run::until;
use crate::verdict::ensure;
use crate::{Ground, Kept, Verdict};

/// So many requests are begun at most to fill a backend.
const MOST: usize = 64;

/// A cancelled stream ends as cancelled, once, however often it is cancelled, and its neighbour
/// does not notice.
///
/// # Errors
/// How the law was broken.
pub async fn a_cancelled_stream_ends_at_once(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let expected = ask(backend, question(backend, ground, 1)).await?;
    let mut stream = start(backend, question(backend, ground, 0).buffer(2))?;
    let neighbour = start(backend, question(backend, ground, 1).buffer(1))?;
    let handle = stream.abort_handle();
    token(&mut stream).await?;
    handle.abort();
    handle.abort();
    let answer = read_any(stream).await?;
    handle.abort();
    let outcome = answer.end.outcome;
    ensure!(
        outcome == Ok(FinishReason::Cancelled),
        "a cancelled stream ended with {outcome:?}"
    );
    // The neighbour waits for its reader, so that it is still there to be harmed.
    ask(backend, question(backend, ground, 2)).await?;
    let neighbour = crate::ask::read(neighbour).await?;
    let invariant = backend.info().capabilities.batch_invariant;
    ensure!(
        !invariant || neighbour.text == expected.text,
        "beside a cancelled stream {:?} became {:?}",
        expected.text,
        neighbour.text
    );
    Ok(Kept::Checked)
}

/// A stream dropped among others gives its place back within two steps.
///
/// # Errors
/// How the law was broken.
pub async fn a_stream_dropped_in_decode_frees_its_place(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let Some(before) = backend.stats() else {
        return Ok(Kept::Skipped("it keeps no counts"));
    };
    let mut dropped = start(backend, question(backend, ground, 0).buffer(2))?;
    let mut neighbour = start(backend, question(backend, ground, 1).buffer(1))?;
    for stream in [&mut dropped, &mut neighbour] {
        token(stream).await?;
    }
    drop(dropped);
    // Each token that is read lets the engine make one more.
    token(&mut neighbour).await?;
    token(&mut neighbour).await?;
    let alone = |stats: &Stats| stats.running == before.running + 1;
    let stats = until(backend, ground, alone).await;
    ensure!(
        stats.is_some_and(|stats| alone(&stats)),
        "two steps after one of two streams was dropped: {stats:?}"
    );
    Ok(Kept::Checked)
}

/// A stream dropped before it had a token gives its place back without a step of its own.
///
/// # Errors
/// How the law was broken.
pub async fn a_stream_dropped_before_its_first_token_frees_its_place(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let Some(before) = backend.stats() else {
        return Ok(Kept::Skipped("it keeps no counts"));
    };
    for number in 0..8 {
        drop(start(backend, question(backend, ground, number))?);
    }
    let gone = |stats: &Stats| ended(stats) == ended(&before) + 8;
    let stats = until(backend, ground, gone).await;
    ensure!(
        stats.is_some_and(|stats| gone(&stats)),
        "after 8 streams were dropped: {stats:?}"
    );
    Ok(Kept::Checked)
}

/// A stream dropped behind as many as a backend works on at once leaves the queue, and they go
/// on undisturbed.
///
/// # Errors
/// How the law was broken.
pub async fn a_stream_dropped_in_the_queue_frees_its_place(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let limits = backend.info().limits;
    let (Some(before), 1..=MOST, 1..) = (backend.stats(), limits.concurrent, limits.queue) else {
        return Ok(Kept::Skipped(
            "it has no queue, or cannot be filled, or keeps no counts",
        ));
    };
    let mut others = Vec::new();
    for number in 0..limits.concurrent {
        others.push(start(backend, question(backend, ground, number).buffer(1))?);
    }
    drop(start(backend, question(backend, ground, 0).buffer(1))?);
    let left = |stats: &Stats| ended(stats) == ended(&before) + 1;
    let stats = until(backend, ground, left).await;
    ensure!(
        stats.is_some_and(|stats| left(&stats)),
        "after a stream was dropped behind {} others: {stats:?}",
        limits.concurrent
    );
    for stream in others {
        crate::ask::read(stream).await?;
    }
    Ok(Kept::Checked)
}

/// Requests that are over, however they ended.
fn ended(stats: &Stats) -> u64 {
    stats.requests_finished + stats.requests_cancelled + stats.requests_failed
}
