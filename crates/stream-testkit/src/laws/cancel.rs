//! Streams that nobody wants any more.

use stream_core::{Backend, FinishReason, Stats};

use crate::ask::{ask, of_ids, question, read_any, same, start, stop, token};
use crate::run::until;
use crate::verdict::{applies, ensure};
use crate::{Ground, Kept, Verdict};

/// So many requests are begun at most to fill a backend.
const MOST: usize = 64;
/// The longest prompt that is read in part.
const LONG: usize = 1024;

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
    // One was read before.
    let (said, seen) = (answer.end.usage.completion_tokens, answer.tokens() + 1);
    ensure!(
        said == seen,
        "usage says {said} tokens, the cancelled stream had {seen}"
    );
    let outcome = answer.end.outcome;
    ensure!(
        outcome == Ok(FinishReason::Cancelled),
        "a cancelled stream ended with {outcome:?}"
    );
    // The neighbour waits for its reader, so that it is still there to be harmed.
    ask(backend, question(backend, ground, 2)).await?;
    same(backend, &crate::ask::read(neighbour).await?, &expected)?;
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

/// A stream dropped while its long prompt is read gives its place back within two steps.
///
/// # Errors
/// How the law was broken.
pub async fn a_stream_dropped_in_prefill_frees_its_place(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let info = backend.info();
    let (Some(before), Some(context)) = (backend.stats(), info.limits.context_length) else {
        return Ok(Kept::Skipped("it keeps no counts, or tells no context"));
    };
    applies!(
        info.capabilities.token_prompts,
        "it takes no prompts of ids"
    );
    let length = (context * 3 / 4).min(LONG);
    let request = of_ids(backend, ground, vec![2; length]).buffer(1);
    let stream = start(backend, request.max_tokens(context - length))?;
    let begun = |stats: &Stats| stats.steps > before.steps;
    let stats = until(backend, ground, begun).await;
    ensure!(
        stats.is_some_and(|stats| begun(&stats)),
        "no step was begun for a long prompt"
    );
    drop(stream);
    let dropped = backend.stats().unwrap_or_default().steps;
    let gone = |stats: &Stats| ended(stats) == ended(&before) + 1;
    let stats = until(backend, ground, gone).await.unwrap_or_default();
    let steps = stats.steps - dropped;
    ensure!(
        gone(&stats) && steps <= 2,
        "{steps} steps after a stream was dropped in a prompt of {length} tokens: {stats:?}"
    );
    Ok(Kept::Checked)
}

/// A stream dropped or cancelled while its text is held back gives its place back, and shows
/// nothing but its text.
///
/// # Errors
/// How the law was broken.
pub async fn a_stream_dropped_while_text_is_held_frees_its_place(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    let free = ask(backend, question(backend, ground, 0)).await?;
    let never = stop(backend, |stop| {
        stop.string(format!("{}\u{10FFFD}", free.text))
    });
    let held = || question(backend, ground, 0).stop(never.clone()).buffer(4);
    let (mut dropped, mut cancelled) = (start(backend, held())?, start(backend, held())?);
    for stream in [&mut dropped, &mut cancelled] {
        token(stream).await?;
        token(stream).await?;
    }
    drop(dropped);
    cancelled.abort();
    let answer = read_any(cancelled).await?;
    ensure!(
        answer.end.outcome == Ok(FinishReason::Cancelled),
        "a cancelled stream ended with {:?}",
        answer.end.outcome
    );
    ensure!(
        free.text.starts_with(&answer.text) || !answer.begins_like(&free),
        "cancelled while {:?} was held back, a stream gave {:?}",
        free.text,
        answer.text
    );
    Ok(Kept::Checked)
}

/// To cancel a stream that has ended changes nothing: not its end, and no newer stream.
///
/// # Errors
/// How the law was broken.
pub async fn a_cancel_after_the_end_touches_nothing(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let expected = ask(backend, question(backend, ground, 1)).await?;
    let old = start(backend, question(backend, ground, 0))?;
    let handle = old.abort_handle();
    let answer = crate::ask::read(old).await?;
    let mut newer = start(backend, question(backend, ground, 1).buffer(1))?;
    token(&mut newer).await?;
    handle.abort();
    handle.abort();
    let outcome = answer.end.outcome;
    ensure!(
        outcome != Ok(FinishReason::Cancelled),
        "a stream that was read to its end ended with {outcome:?}"
    );
    same(backend, &crate::ask::read(newer).await?, &expected)?;
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
    let expected = ask(backend, question(backend, ground, 0)).await?;
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
    for (number, stream) in others.into_iter().enumerate() {
        let answer = crate::ask::read(stream).await?;
        if number == 0 {
            same(backend, &answer, &expected)?;
        }
    }
    Ok(Kept::Checked)
}

/// Requests that are over, however they ended.
fn ended(stats: &Stats) -> u64 {
    stats.requests_finished + stats.requests_cancelled + stats.requests_failed
}
