//! What a request has computed, others need not compute: the ids are the same, the work is less.
//! The toy model checks that every block holds what it should.

use stream_core::{BackendExt, Error, Request, Sampling, Stop, TokenId, TokenStream};
use stream_runtime::{EngineConfig, SequenceId, Spec};
use stream_testkit::Fault;

use crate::lab::{Lab, config, greedy, read, spec};
use crate::toy::{answer_of_choice, hashed};

/// So many tokens; with one salt, the same.
fn prompt(length: usize, salt: u32) -> Vec<TokenId> {
    let token = |i| 2 + (i * 7 + salt * 11) % 58;
    (0..length as u32).map(token).collect()
}

/// The first position that was computed for a sequence.
fn began(lab: &Lab, sequence: u64) -> usize {
    let hand = lab.control.hand();
    let mut rows = hand.steps.iter().flatten();
    let row = rows.find(|row| row.sequence == SequenceId(sequence));
    row.unwrap().positions.start
}

/// Positions that were computed in all.
fn computed(lab: &Lab) -> usize {
    let hand = lab.control.hand();
    hand.steps
        .iter()
        .flatten()
        .map(|row| row.positions.len())
        .sum()
}

/// The ids of greedy answers, one after the other.
fn check(lab: &Lab, prompt: &[TokenId], tokens: usize) {
    let expected = lab.expected(prompt, tokens, &Sampling::greedy());
    assert_eq!(read(lab.generate(greedy(prompt, tokens))), expected);
}

#[test]
fn a_hit_gives_the_ids_of_a_miss() {
    let lab = Lab::new(hashed(), spec());
    let common = prompt(30, 1);
    let longer = [&common[..], &prompt(13, 2)].concat();
    let shorter = [&common[..17], &prompt(5, 3)].concat();
    for (number, (prompt, begins)) in [(&common, 0), (&common, 28), (&longer, 28), (&shorter, 16)]
        .into_iter()
        .enumerate()
    {
        check(&lab, prompt, 12);
        assert_eq!(began(&lab, number as u64), begins);
    }
    let stats = lab.settle(4);
    assert_eq!(stats.prefix_cache_queries, 30 + 30 + 43 + 22);
    assert_eq!(stats.prefix_cache_hits, 28 + 28 + 16);
}

#[test]
fn the_next_turn_begins_behind_the_answer() {
    let lab = Lab::new(hashed(), spec());
    let mut chat = prompt(10, 1);
    for (turn, begins) in [0, 28, 56].into_iter().enumerate() {
        let answer = read(lab.generate(greedy(&chat, 20)));
        assert_eq!(answer, lab.expected(&chat, 20, &Sampling::greedy()));
        assert_eq!(began(&lab, turn as u64), begins);
        chat = [&chat[..], &answer, &prompt(8, 2)].concat();
    }
    lab.settle(3);
}

/// 30 tokens of the prompt are computed once, and then the two of them that fill no block and the
/// 19 of the answer that are read again, for each choice.
#[test]
fn choices_compute_their_prompt_once() {
    let lab = Lab::new(hashed(), spec());
    lab.control.hold();
    let sampling = Sampling::builder().seed(5).build().unwrap();
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let request = Request::tokens(prompt(30, 1))
        .sampling(sampling.clone())
        .stop(stop);
    let request = request.max_tokens(20).n(6).build().unwrap();
    let choices = lab.engine.generate_choices(request).unwrap();
    lab.control.open();
    let answers = choices.blocking().completions().unwrap();
    for (choice, answer) in answers.iter().enumerate() {
        let expected = answer_of_choice(&lab.brain, &prompt(30, 1), 20, &sampling, choice as u32);
        assert_eq!(answer.ids, expected, "choice {choice}");
    }
    assert_eq!(computed(&lab), 30 + 5 * 2 + 6 * 19);
    let stats = lab.settle(6);
    assert_eq!(
        (stats.prefix_cache_queries, stats.prefix_cache_hits),
        (180, 140)
    );
}

/// Choices that are preempted again and again still have the ids that they have undisturbed.
#[test]
fn choices_that_compete_for_blocks_are_the_same() {
    let tight = Spec {
        blocks: 24,
        max_tokens: 12,
        ..spec()
    };
    let lab = Lab::new(hashed(), tight);
    lab.control.hold();
    let streams: Vec<_> = (0..8)
        .map(|i| lab.generate(greedy(&[prompt(18, 1), prompt(1 + i % 3, 2)].concat(), 50)))
        .collect();
    lab.control.open();
    for (i, stream) in streams.into_iter().enumerate() {
        let prompt = [prompt(18, 1), prompt(1 + i % 3, 2)].concat();
        assert_eq!(read(stream), lab.expected(&prompt, 50, &Sampling::greedy()));
    }
    let stats = lab.settle(8);
    assert!(
        stats.preemptions > 2 && stats.prefix_cache_hits > 0,
        "{stats:?}"
    );
}

#[test]
fn it_can_be_switched_off_by_the_engine_and_by_the_model() {
    let off = EngineConfig {
        prefix_cache: false,
        ..config()
    };
    let alone = Spec {
        shares_blocks: false,
        ..spec()
    };
    for lab in [
        Lab::with_config(hashed(), spec(), off),
        Lab::new(hashed(), alone),
    ] {
        check(&lab, &prompt(30, 1), 5);
        check(&lab, &prompt(30, 1), 5);
        assert_eq!(began(&lab, 1), 0);
        let stats = lab.settle(2);
        assert_eq!(
            (stats.prefix_cache_queries, stats.prefix_cache_hits),
            (0, 0)
        );
    }
}

#[test]
fn a_prompt_to_be_scored_is_computed_whole_and_its_blocks_serve_others() {
    let lab = Lab::new(hashed(), spec());
    for _ in 0..2 {
        let scored = lab.generate(greedy(&prompt(30, 1), 3).prompt_logprobs(1));
        let answer = scored.blocking().completion().unwrap();
        assert_eq!(answer.prompt_logprobs.unwrap().len(), 29);
    }
    assert_eq!((began(&lab, 0), began(&lab, 1)), (0, 0));
    check(&lab, &prompt(30, 1), 3);
    assert_eq!(began(&lab, 2), 28);
    let stats = lab.settle(3);
    assert_eq!(
        (stats.prefix_cache_queries, stats.prefix_cache_hits),
        (30, 28)
    );
}

fn error(stream: TokenStream) -> Error {
    stream.into_iter().find_map(Result::err).unwrap()
}

/// The prompt is read in four chunks; nothing can be chosen behind the last one.
#[test]
fn a_row_without_a_finite_logit_leaves_nothing_of_what_it_computed() {
    let chunked = Spec {
        max_tokens: 8,
        ..spec()
    };
    let lab = Lab::new(hashed(), chunked);
    check(&lab, &prompt(9, 1), 1);
    let steps = lab.control.hand().steps.len();
    let fault = Fault::NotANumber(0);
    lab.control.hand().faults.insert(steps + 2, fault);
    let stream = lab.generate(greedy(&prompt(30, 1), 9));
    assert_eq!(error(stream), Error::Numerical { index: 0 });
    assert_eq!(began(&lab, 1), 8);
    check(&lab, &prompt(30, 1), 9);
    assert_eq!(began(&lab, 2), 8, "what it took over from others is left");
    assert_eq!(lab.settle(3).requests_failed, 1);
}

#[test]
fn a_step_that_fails_empties_the_cache() {
    for fault in [
        Fault::PanicInLaunch,
        Fault::ErrorInCollect,
        Fault::OneTooMany,
    ] {
        let lab = Lab::new(hashed(), spec());
        check(&lab, &prompt(30, 1), 4);
        lab.control.strike(fault);
        assert!(matches!(
            error(lab.generate(greedy(&prompt(5, 2), 4))),
            Error::Engine(_)
        ));
        check(&lab, &prompt(30, 1), 4);
        assert_eq!(began(&lab, 2), 0);
        lab.settle(3);
    }
}

#[test]
fn a_request_that_is_cancelled_in_its_prompt_leaves_nothing() {
    let chunked = Spec {
        max_tokens: 8,
        ..spec()
    };
    let lab = Lab::new(hashed(), chunked);
    lab.control.hold();
    let stream = lab.generate(greedy(&prompt(30, 1), 9));
    lab.control.allow(2);
    lab.control.begun(3);
    stream.abort();
    lab.control.open();
    lab.control.until(|hand| hand.released.len() == 1);
    check(&lab, &prompt(30, 1), 9);
    assert_eq!(began(&lab, 1), 0);
    lab.settle(2);
}
