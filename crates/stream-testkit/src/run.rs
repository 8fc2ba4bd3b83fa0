//! Checking a law, and what must hold after each.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use stream_core::{Backend, Stats, TokenStream};

use crate::verdict::ensure;
use crate::{Broken, Ground, Kept, Verdict};

/// Checks one law, and that the backend is at rest afterwards.
///
/// # Panics
/// If the law is broken, with what was seen.
pub fn check<B: Backend>(
    name: &str,
    (backend, ground): (B, Ground),
    law: impl AsyncFnOnce(&dyn Backend, &Ground) -> Verdict,
) {
    let verdict = block_on(async {
        let kept = law(&backend, &ground).await?;
        settle(&backend, &ground).await?;
        Ok::<_, Broken>(kept)
    });
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

/// A module with a test of every law for one backend.
///
/// The first argument names the module, and a function that makes a backend and its [`Ground`];
/// the second is that function's body, evaluated for each law.
#[macro_export]
macro_rules! conformance {
    ($module:ident, $subject:expr) => {
        $crate::for_each_law!($crate::tests_of_laws, $module, $subject);
    };
}

/// Calls a macro with its arguments and the names of all laws.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_law {
    ($call:path, $($argument:tt)*) => {
        $call! {
            [
                every_stream_ends_once
                every_reader_gets_the_same
                records_are_in_order_and_none_is_lost
                max_tokens_is_exact
                characters_are_whole
                a_stop_string_never_leaks
                a_false_start_is_released
                text_is_held_no_longer_than_needed
                min_tokens_come_first
                a_stop_id_ends_the_stream
                a_cancelled_stream_ends_at_once
                a_stream_dropped_in_decode_frees_its_place
                a_stream_dropped_in_the_queue_frees_its_place
                a_stream_dropped_before_its_first_token_frees_its_place
                a_stalled_reader_harms_nobody_else
                a_coalescing_reader_loses_nothing
                a_reader_that_stalls_too_long_is_ended
                a_deadline_ends_its_stream
                a_full_queue_gives_the_request_back
                a_prompt_that_is_too_long_is_refused
                what_is_not_supported_is_refused_by_name
                a_seed_repeats_its_draws
                greedy_ids_do_not_depend_on_the_batch
                choices_have_draws_of_their_own
                every_token_has_its_log_probability
                a_drain_lets_streams_finish
                a_drain_ends_what_does_not_finish
            ]
            $($argument)*
        }
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! tests_of_laws {
    ([$($law:ident)*] $module:ident, $subject:expr) => {
        // Where the call stands, so that the subject means what it means there.
        fn $module() -> (impl $crate::Backend, $crate::Ground) {
            $subject
        }

        mod $module {
            $(
                #[test]
                fn $law() {
                    $crate::check(stringify!($law), super::$module(), $crate::laws::$law);
                }
            )*
        }
    };
}
