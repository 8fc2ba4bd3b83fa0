//! Each law of faults catches a backend that breaks it.

use std::time::Duration;

use futures::executor::block_on;
use stream_core::Backend;
use stream_runtime::Engine;
use stream_testkit::{Control, Ground, Verdict, keeps_in_faults, laws};

use crate::twisted::{Twist, Twisted};
use crate::{faulty_toy, watched_toy};

fn caught(twist: Twist, law: impl AsyncFnOnce(&dyn Backend, &Ground, &Control) -> Verdict) {
    caught_in(faulty_toy, Duration::from_millis(500), twist, law);
}

fn caught_in(
    subject: impl FnOnce(Control) -> (Engine, Ground),
    patience: Duration,
    twist: Twist,
    law: impl AsyncFnOnce(&dyn Backend, &Ground, &Control) -> Verdict,
) {
    let control = Control::default();
    let (engine, ground) = subject(control.clone());
    let ground = ground.patience(patience);
    let twisted = Twisted::new(engine, twist);
    let verdict = block_on(keeps_in_faults(&twisted, &ground, &control, law));
    let broken = verdict.expect_err("the law should have been broken");
    println!("{twist:?}: {broken}");
}

catches! {
    a_panic_at_launch_ends_its_own_streams: HidesErrors FailsNeighbours RefusesAfterAFault;
    a_panic_at_collection_ends_its_own_streams: AbandonsWhatFails NeverEndsWhatFails;
    an_error_at_launch_ends_its_own_streams: HidesErrors AnswersOtherwiseAfterAFault;
    an_error_at_collection_ends_its_own_streams: NeverEndsWhatFails RefusesAfterAFault;
    no_memory_ends_no_other_stream: AnswersOtherwiseEachTime;
    an_outcome_too_few_ends_its_own_streams: HidesErrors FailsNeighbours;
    an_outcome_too_many_ends_its_own_streams: AbandonsWhatFails AnswersOtherwiseAfterAFault;
    an_unknown_token_ends_its_own_streams: NeverEndsWhatFails FailsNeighbours;
    a_row_without_a_finite_logit_ends_alone: FailsNeighbours MisnamesErrors HidesErrors;
    failures_in_a_row_lose_no_end: NeverEndsWhatFails AbandonsWhatFails;
    a_slow_step_changes_nothing: AnswersOtherwiseEachTime;
    deadlines_hold_while_a_step_hangs: EndsAtOnce;
    a_cancel_does_not_wait_for_a_step: LeaksDroppedStreams;
    a_drain_does_not_wait_for_a_step: DrainsNothing;
}

#[test]
fn a_hang_ends_every_stream() {
    for twist in [
        Twist::HidesErrors,
        Twist::MisnamesErrors,
        Twist::RefusesAfterAFault,
    ] {
        let patience = Duration::from_secs(2);
        caught_in(watched_toy, patience, twist, laws::a_hang_ends_every_stream);
    }
}
