//! Checking a law, and what must hold after each.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use stream_core::{Backend, Stats, TokenStream};

use crate::verdict::ensure;
use crate::{Broken, Control, Ground, Kept, Verdict};

/// Checks one law, and that the backend is at rest afterwards.
///
/// # Panics
/// If the law is broken, with what was seen.
pub fn check<B: Backend>(
    name: &str,
    (backend, ground): (B, Ground),
    law: impl AsyncFnOnce(&dyn Backend, &Ground) -> Verdict,
) {
    conclude(name, block_on(keeps(&backend, &ground, law)));
}

/// Checks one law of faults, and that the backend is at rest afterwards. `subject` makes it over
/// a model that is in the hand that it is given.
///
/// # Panics
/// If the law is broken, with what was seen.
pub fn check_fault<B: Backend>(
    name: &str,
    subject: impl FnOnce(Control) -> (B, Ground),
    law: impl AsyncFnOnce(&dyn Backend, &Ground, &Control) -> Verdict,
) {
    let control = Control::default();
    let (backend, ground) = subject(control.clone());
    conclude(
        name,
        block_on(keeps_in_faults(&backend, &ground, &control, law)),
    );
}

/// Whether a backend keeps a law and comes to rest after it.
///
/// # Errors
/// How the law was broken.
pub async fn keeps(
    backend: &dyn Backend,
    ground: &Ground,
    law: impl AsyncFnOnce(&dyn Backend, &Ground) -> Verdict,
) -> Verdict {
    let kept = law(backend, ground).await?;
    settle(backend, ground).await?;
    Ok(kept)
}

/// Whether a backend over a faulty model keeps a law of faults and comes to rest after it.
///
/// # Errors
/// How the law was broken.
pub async fn keeps_in_faults(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
    law: impl AsyncFnOnce(&dyn Backend, &Ground, &Control) -> Verdict,
) -> Verdict {
    let verdict = law(backend, ground, control).await;
    control.open();
    let kept = verdict?;
    settle(backend, ground).await?;
    Ok(kept)
}

fn conclude(name: &str, verdict: Verdict) {
    match verdict {
        Ok(Kept::Checked) => {}
        Ok(Kept::Skipped(why)) => println!("{name}: does not apply, {why}"),
        Err(broken) => panic!("{name}: {broken}"),
    }
}

/// Waits until no stream holds or waits for anything.
///
/// # Errors
/// If something is left when the patience ends.
pub async fn settle(backend: &dyn Backend, ground: &Ground) -> Result<(), Broken> {
    let rest = |stats: &Stats| stats.running + stats.waiting + stats.kv_blocks_used == 0;
    let stats = until(backend, ground, rest).await;
    ensure!(
        stats.is_none_or(|stats| rest(&stats)),
        "every stream has ended, but something is left: {stats:?}"
    );
    Ok(())
}

/// The backend's counts when they are as wanted, or when the patience ends; `None` where it
/// keeps none.
pub(crate) async fn until(
    backend: &dyn Backend,
    ground: &Ground,
    wanted: impl Fn(&Stats) -> bool,
) -> Option<Stats> {
    let end = Instant::now() + ground.patience;
    loop {
        let stats = backend.stats()?;
        if wanted(&stats) || Instant::now() > end {
            return Some(stats);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a stream has ended though nobody reads it, or the patience ends.
pub(crate) fn wait_for_end(stream: &TokenStream, ground: &Ground) {
    let handle = stream.abort_handle();
    let end = Instant::now() + ground.patience;
    while !handle.is_ended() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a stream has had a token though nobody reads it.
pub(crate) fn wait_for_token(stream: &TokenStream, ground: &Ground) -> Result<(), Broken> {
    let end = Instant::now() + ground.patience;
    while stream.usage().completion_tokens == 0 {
        ensure!(
            Instant::now() < end,
            "no token came for a reader that waits"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
