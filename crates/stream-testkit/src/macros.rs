//! Tests made of laws.

/// A module with a test of every law for one backend.
///
/// The first argument names the module, and a function that makes a backend and its [`Ground`](crate::Ground);
/// the second is that function's body, evaluated for each law.
#[macro_export]
macro_rules! conformance {
    ($module:ident, $subject:expr) => {
        $crate::for_each_law!($crate::tests_of_laws, $module, $subject);
    };
}

/// A module with a test of every law of faults for a backend around a model.
///
/// The first argument names the module. The second is a closure that gets a [`Control`] and
/// makes a backend over a [`Faulty`](crate::Faulty) model in its hand, with its
/// [`Ground`](crate::Ground); it is called for each law.
///
/// ```
/// use std::sync::Arc;
///
/// use stream_runtime::{Engine, EngineConfig};
/// use stream_testkit::{Faulty, Golden, Ground, Toy, fault_conformance};
///
/// fault_conformance!(toy, |control| {
///     let model = Faulty::new(Toy::new(Toy::small(64)), control);
///     let config = EngineConfig::new("toy", "hash", "cpu");
///     let engine = Engine::start(model, Arc::new(Golden::default()), config);
///     (engine.expect("a possible engine"), Ground::default())
/// });
/// # fn main() {}
/// ```
///
/// [`Control`]: crate::Control
#[macro_export]
macro_rules! fault_conformance {
    ($module:ident, |$control:ident| $subject:expr) => {
        $crate::for_each_law_of_faults!(
            $crate::tests_of_laws_of_faults,
            $module,
            $control,
            $subject
        );
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
                divided_characters_are_whole
                a_stop_string_never_leaks
                a_false_start_is_released
                text_is_held_no_longer_than_needed
                the_first_complete_stop_string_counts
                an_end_token_releases_what_is_held
                min_tokens_come_first
                a_stop_id_ends_the_stream
                a_cancelled_stream_ends_at_once
                a_stream_dropped_in_decode_frees_its_place
                a_stream_dropped_in_the_queue_frees_its_place
                a_stream_dropped_before_its_first_token_frees_its_place
                a_stream_dropped_in_prefill_frees_its_place
                a_stream_dropped_while_text_is_held_frees_its_place
                a_cancel_after_the_end_touches_nothing
                a_stalled_reader_harms_nobody_else
                a_coalescing_reader_loses_nothing
                a_reader_that_stalls_too_long_is_ended
                a_deadline_ends_its_stream
                a_deadline_that_has_passed_is_kept
                a_full_queue_gives_the_request_back
                a_prompt_that_is_too_long_is_refused
                what_is_not_supported_is_refused_by_name
                a_seed_repeats_its_draws
                greedy_ids_do_not_depend_on_the_batch
                a_known_beginning_changes_nothing
                choices_have_draws_of_their_own
                every_token_has_its_log_probability
                an_answer_keeps_its_grammar
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

/// Calls a macro with its arguments and the names of all laws of faults.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_law_of_faults {
    ($call:path, $($argument:tt)*) => {
        $call! {
            [
                a_panic_at_launch_ends_its_own_streams
                a_panic_at_collection_ends_its_own_streams
                an_error_at_launch_ends_its_own_streams
                an_error_at_collection_ends_its_own_streams
                no_memory_ends_no_other_stream
                an_outcome_too_few_ends_its_own_streams
                an_outcome_too_many_ends_its_own_streams
                an_unknown_token_ends_its_own_streams
                a_row_without_a_finite_logit_ends_alone
                failures_in_a_row_lose_no_end
                a_slow_step_changes_nothing
                deadlines_hold_while_a_step_hangs
                a_cancel_does_not_wait_for_a_step
                a_drain_does_not_wait_for_a_step
                a_hang_ends_every_stream
            ]
            $($argument)*
        }
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! tests_of_laws_of_faults {
    ([$($law:ident)*] $module:ident, $control:ident, $subject:expr) => {
        // Where the call stands, so that the subject means what it means there.
        fn $module($control: $crate::Control) -> (impl $crate::Backend, $crate::Ground) {
            $subject
        }

        mod $module {
            $(
                #[test]
                fn $law() {
                    let (subject, law) = (super::$module, $crate::laws::$law);
                    $crate::check_fault(stringify!($law), subject, law);
                }
            )*
        }
    };
}
