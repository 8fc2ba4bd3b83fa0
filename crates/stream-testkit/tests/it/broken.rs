//! Each law catches a backend that breaks it.

use std::time::Duration;

use futures::executor::block_on;
use stream_core::Backend;
use stream_testkit::{Ground, Verdict, keeps, laws};

use crate::toy;
use crate::twisted::{Twist, Twisted};

fn caught(twist: Twist, law: impl AsyncFnOnce(&dyn Backend, &Ground) -> Verdict) {
    let (engine, ground) = toy();
    let ground = ground.patience(Duration::from_millis(500));
    let verdict = block_on(keeps(&Twisted::new(engine, twist), &ground, law));
    let broken = verdict.expect_err("the law should have been broken");
    println!("{twist:?}: {broken}");
}

catches! {
    every_stream_ends_once: Abandons NeverEnds;
    every_reader_gets_the_same: AnswersOtherwiseEachTime;
    records_are_in_order_and_none_is_lost: LosesAnId;
    max_tokens_is_exact: MakesOneTokenMore LosesTheLastToken;
    characters_are_whole: BreaksCharacters;
    divided_characters_are_whole: BreaksCharacters HoldsAllText LosesTheLastToken;
    the_first_complete_stop_string_counts: IgnoresStopStrings TakesTheLastStopString;
    an_end_token_releases_what_is_held: IgnoresStopStrings SwallowsFalseStarts;
    a_stream_dropped_in_prefill_frees_its_place: LeaksDroppedStreams;
    a_stream_dropped_while_text_is_held_frees_its_place: LeaksDroppedStreams;
    a_cancel_after_the_end_touches_nothing: CancelsBySlot;
    a_deadline_that_has_passed_is_kept: RefusesTheDead;
    a_known_beginning_changes_nothing: AnswersOtherwiseEachTime;
    a_stop_string_never_leaks: IgnoresStopStrings;
    a_false_start_is_released: SwallowsFalseStarts;
    text_is_held_no_longer_than_needed: HoldsAllText;
    min_tokens_come_first: IgnoresMinTokens;
    a_stop_id_ends_the_stream: IgnoresStopIds;
    a_cancelled_stream_ends_at_once: CancelsNeighbours;
    a_stream_dropped_in_decode_frees_its_place: LeaksDroppedStreams;
    a_stream_dropped_in_the_queue_frees_its_place: LeaksDroppedStreams;
    a_stream_dropped_before_its_first_token_frees_its_place: LeaksDroppedStreams;
    a_stalled_reader_harms_nobody_else: ServesOneReaderAtATime;
    a_coalescing_reader_loses_nothing: AnswersOtherwiseEachTime;
    a_reader_that_stalls_too_long_is_ended: SaysNothing;
    a_deadline_ends_its_stream: EndsAtOnce;
    a_full_queue_gives_the_request_back: TellsTooSmallLimits;
    a_prompt_that_is_too_long_is_refused: CutsPrompts;
    what_is_not_supported_is_refused_by_name: DropsUnsupported;
    a_seed_repeats_its_draws: IgnoresSeeds;
    greedy_ids_do_not_depend_on_the_batch: DependsOnTheBatch ScoresByTheBatch;
    choices_have_draws_of_their_own: IgnoresSeeds;
    every_token_has_its_log_probability: LosesLogprobs;
    an_answer_keeps_its_grammar: IgnoresGrammars;
    a_drain_lets_streams_finish: DrainsAtOnce;
    a_drain_ends_what_does_not_finish: DrainsNothing;
}
