//! The laws, by what they are about.

mod admission;
mod beginnings;
mod cancel;
mod draws;
mod ending;
mod faults;
mod grammar;
mod hangs;
mod parameters;
mod probabilities;
mod readers;
mod stop;
mod stops;
mod stream;
mod teacher;
mod text;

pub use admission::{
    a_full_queue_gives_the_request_back, a_prompt_that_is_too_long_is_refused,
    what_is_not_supported_is_refused_by_name,
};
pub use beginnings::a_known_beginning_changes_nothing;
pub use cancel::{
    a_cancel_after_the_end_touches_nothing, a_cancelled_stream_ends_at_once,
    a_stream_dropped_before_its_first_token_frees_its_place,
    a_stream_dropped_in_decode_frees_its_place, a_stream_dropped_in_prefill_frees_its_place,
    a_stream_dropped_in_the_queue_frees_its_place,
    a_stream_dropped_while_text_is_held_frees_its_place,
};
pub use draws::{
    a_seed_repeats_its_draws, choices_have_draws_of_their_own,
    greedy_ids_do_not_depend_on_the_batch,
};
pub use ending::{
    a_deadline_ends_its_stream, a_deadline_that_has_passed_is_kept,
    a_drain_ends_what_does_not_finish, a_drain_lets_streams_finish,
};
pub use faults::{
    a_panic_at_collection_ends_its_own_streams, a_panic_at_launch_ends_its_own_streams,
    a_row_without_a_finite_logit_ends_alone, a_slow_step_changes_nothing,
    an_error_at_collection_ends_its_own_streams, an_error_at_launch_ends_its_own_streams,
    an_outcome_too_few_ends_its_own_streams, an_outcome_too_many_ends_its_own_streams,
    an_unknown_token_ends_its_own_streams, failures_in_a_row_lose_no_end,
    no_memory_ends_no_other_stream,
};
pub use grammar::an_answer_keeps_its_grammar;
pub use hangs::{
    a_cancel_does_not_wait_for_a_step, a_drain_does_not_wait_for_a_step, a_hang_ends_every_stream,
    deadlines_hold_while_a_step_hangs,
};
pub use probabilities::every_token_has_its_log_probability;
pub use readers::{
    a_coalescing_reader_loses_nothing, a_reader_that_stalls_too_long_is_ended,
    a_stalled_reader_harms_nobody_else,
};
pub use stop::{
    a_false_start_is_released, a_stop_id_ends_the_stream, a_stop_string_never_leaks,
    min_tokens_come_first, text_is_held_no_longer_than_needed,
};
pub use stops::{an_end_token_releases_what_is_held, the_first_complete_stop_string_counts};
pub use stream::{
    every_reader_gets_the_same, every_stream_ends_once, max_tokens_is_exact,
    records_are_in_order_and_none_is_lost,
};
pub use text::{characters_are_whole, divided_characters_are_whole};
