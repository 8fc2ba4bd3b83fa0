//! Slow readers.

use std::time::Duration;

use stream_core::{Backend, Error, SlowReader, TokenStream};

use crate::ask::{ask, question, read, read_any, start, token};
use crate::run::{wait_for_end, wait_for_token};
use crate::verdict::ensure;
use crate::{Broken, Ground, Kept, Verdict};

/// While one reader takes nothing, its neighbours need no more steps than without it, and it
/// loses nothing itself.
///
/// # Errors
/// How the law was broken.
pub async fn a_stalled_reader_harms_nobody_else(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let Some(_) = backend.stats() else {
        return Ok(Kept::Skipped("it counts no steps"));
    };
    let alone = steps_of(backend, ground).await?;
    for policy in [
        SlowReader::Coalesce,
        SlowReader::Abort {
            after: ground.patience,
        },
    ] {
        let stalled = stall(backend, ground, policy)?;
        let beside = steps_of(backend, ground).await?;
        // One that coalesces goes on, and may have steps of its own.
        let own = match policy {
            SlowReader::Coalesce => ground.tokens as u64,
            _ => 0,
        };
        ensure!(
            beside <= alone + own + 2,
            "two answers took {alone} steps, beside a reader that stalls by {policy:?} {beside}"
        );
        drop(stalled);
        crate::settle(backend, ground).await?;
    }
    let stalled = stall(backend, ground, SlowReader::Pause)?;
    let beside = steps_of(backend, ground).await?;
    ensure!(
        beside <= alone + 2,
        "two answers took {alone} steps, beside a reader that stalls {beside}"
    );
    let late = read(stalled).await?;
    let expected = ask(backend, question(backend, ground, 0)).await?;
    let invariant = backend.info().capabilities.batch_invariant;
    ensure!(
        !invariant || late.text == expected.text,
        "after a stall {:?} became {:?}",
        expected.text,
        late.text
    );
    Ok(Kept::Checked)
}

/// A stream that has filled its buffer of one and waits.
fn stall(
    backend: &dyn Backend,
    ground: &Ground,
    policy: SlowReader,
) -> Result<TokenStream, Broken> {
    let stream = start(
        backend,
        question(backend, ground, 0).buffer(1).slow_reader(policy),
    )?;
    wait_for_token(&stream, ground)?;
    Ok(stream)
}

/// The steps of two answers, one after the other.
async fn steps_of(backend: &dyn Backend, ground: &Ground) -> Result<u64, Broken> {
    let steps = || backend.stats().unwrap_or_default().steps;
    let before = steps();
    for number in [1, 2] {
        ask(backend, question(backend, ground, number)).await?;
    }
    Ok(steps() - before)
}

/// A reader that coalesces and comes back at the end finds every id and the whole text.
///
/// # Errors
/// How the law was broken.
pub async fn a_coalescing_reader_loses_nothing(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let expected = ask(backend, question(backend, ground, 0)).await?;
    let request = question(backend, ground, 0);
    let request = request.buffer(1).slow_reader(SlowReader::Coalesce);
    let stream = start(backend, request)?;
    wait_for_end(&stream, ground);
    let found = read(stream).await?;
    let used = found.end.usage.completion_tokens;
    ensure!(
        used == expected.end.usage.completion_tokens,
        "{used} tokens were counted instead of {}",
        expected.end.usage.completion_tokens
    );
    let invariant = backend.info().capabilities.batch_invariant;
    ensure!(
        !invariant || (&found.ids, &found.text) == (&expected.ids, &expected.text),
        "{:?} became {:?} for a reader that came late",
        expected.text,
        found.text
    );
    Ok(Kept::Checked)
}

/// A reader that asked to be ended when it stalls is ended, with what it had.
///
/// # Errors
/// How the law was broken.
pub async fn a_reader_that_stalls_too_long_is_ended(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let after = Duration::from_millis(20);
    let request = question(backend, ground, 0).buffer(1);
    let mut stream = start(backend, request.slow_reader(SlowReader::Abort { after }))?;
    wait_for_end(&stream, ground);
    token(&mut stream).await?;
    let answer = read_any(stream).await?;
    let expected = Err(Error::SlowReader { limit: after });
    ensure!(
        answer.end.outcome == expected,
        "the end of a stalled stream is {:?}",
        answer.end.outcome
    );
    Ok(Kept::Checked)
}
