//! Log-probabilities, against the model's own distribution worked out by hand.

use stream_core::{
    Completion, Error, Request, RequestBuilder, Sampling, SlowReader, Stop, TokenId, TokenLogprobs,
};
use stream_runtime::Spec;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::{MIXED, UNSCORED, hashed, scripted};
use crate::words::{KNOWN, ids, text};

/// Whether `logprobs` tells of the token that follows `before` what the model thinks.
#[track_caller]
fn check(lab: &Lab, logprobs: &TokenLogprobs, before: &[TokenId], token: TokenId, top: usize) {
    let exact = lab.teacher_forced(before);
    let mut order: Vec<TokenId> = (0..KNOWN as TokenId).collect();
    order.sort_by(|&a, &b| {
        let [a_exact, b_exact] = [a, b].map(|id| exact[id as usize]);
        b_exact.total_cmp(&a_exact).then(a.cmp(&b))
    });
    let told = [&logprobs.token].into_iter().chain(&logprobs.top);
    for (told, &id) in told.zip([token].iter().chain(&order)) {
        assert_eq!(told.id, Some(id));
        let off = f64::from(told.logprob) - exact[id as usize];
        assert!(off.abs() < 1e-5, "{told:?} is off by {off}");
        let rank = order.iter().position(|&other| other == id).unwrap() + 1;
        assert_eq!(told.rank, Some(rank));
        assert_eq!(told.bytes, text(&[id]).into_bytes());
    }
    assert_eq!(logprobs.top.len(), top);
}

fn check_answer(lab: &Lab, prompt: &[TokenId], answer: &Completion, top: usize) {
    assert_eq!(answer.logprobs.len(), answer.ids.len());
    let mut all = prompt.to_vec();
    for (logprobs, &id) in answer.logprobs.iter().zip(&answer.ids) {
        check(lab, logprobs, &all, id, top);
        all.push(id);
    }
}

fn check_prompt(lab: &Lab, prompt: &[TokenId], answer: &Completion, top: usize) {
    let told = answer.prompt_logprobs.as_ref().unwrap();
    assert_eq!(told.len(), prompt.len() - 1);
    for (i, logprobs) in told.iter().enumerate() {
        check(lab, logprobs, &prompt[..=i], prompt[i + 1], top);
    }
}

/// Letters only, so that every id has a text of its own.
fn prompt(length: u32) -> Vec<TokenId> {
    (0..length).map(|i| 2 + (i * 7) % 28).collect()
}

fn complete(lab: &Lab, request: RequestBuilder) -> Completion {
    lab.generate(request).blocking().completion().unwrap()
}

/// Letters that the model likes, so that bytes make characters.
fn lettered() -> stream_testkit::Brain {
    let plain = hashed();
    std::sync::Arc::new(move |tokens| {
        let mut logits = plain(tokens);
        logits[30..34].fill(-50.0);
        logits
    })
}

#[test]
fn they_are_of_the_raw_distribution_whatever_chose_the_token() {
    let lab = Lab::new(lettered(), spec());
    let b = || Sampling::builder().seed(4);
    let samplings = [
        Sampling::greedy(),
        b().build().unwrap(),
        b().temperature(0.3).top_k(5).build().unwrap(),
        b().repetition_penalty(1.5)
            .logit_bias(9, 8.0)
            .build()
            .unwrap(),
        b().typical_p(0.4).bad_token_sequence([7]).build().unwrap(),
    ];
    let count = samplings.len() as u64;
    for (top, sampling) in [0, 1, 5, 20, 3].into_iter().zip(samplings) {
        let request = greedy(&prompt(5), 30).sampling(sampling).logprobs(top);
        check_answer(&lab, &prompt(5), &complete(&lab, request), top);
    }
    lab.settle(count);
}

/// The law: as many as tokens, also where records are merged and text is held back.
#[test]
fn coalesced_and_held_tokens_keep_theirs() {
    let lab = Lab::new(lettered(), spec());
    let held = Stop::builder()
        .ignore_eos()
        .string("never to be found at all");
    for policy in [SlowReader::Coalesce, SlowReader::Pause] {
        let request = greedy(&prompt(3), 40)
            .logprobs(2)
            .buffer(1)
            .slow_reader(policy);
        let stream = lab.generate(request.stop(held.clone().build().unwrap()));
        lab.control.until(|hand| !hand.steps.is_empty());
        let completion = stream.blocking().completion().unwrap();
        assert_eq!(completion.ids.len(), 40);
        check_answer(&lab, &prompt(3), &completion, 2);
    }
    lab.settle(2);
}

#[test]
fn a_stop_string_takes_no_logprob_away() {
    let lab = Lab::new(scripted(1, &ids("one stop two")), spec());
    let stop = Stop::builder().string("stop").build().unwrap();
    let completion = complete(&lab, Request::raw("x").greedy().stop(stop).logprobs(0));
    assert_eq!(completion.text, "one ");
    assert_eq!(completion.logprobs.len(), completion.ids.len());
    assert!(
        completion
            .logprobs
            .iter()
            .all(|l| l.token.logprob > -1e-6 && l.token.rank == Some(1))
    );
    lab.settle(1);
}

#[test]
fn every_token_of_a_prompt_after_the_first_has_one() {
    for (max_tokens, block_size) in [(64, 4), (8, 4), (9, 16), (13, 1)] {
        let sized = Spec {
            max_tokens,
            block_size,
            ..spec()
        };
        let lab = Lab::new(lettered(), sized);
        for length in [1, 2, 8, 9, 30, 100] {
            let request = greedy(&prompt(length), 3).prompt_logprobs(2).logprobs(1);
            let completion = complete(&lab, request);
            check_prompt(&lab, &prompt(length), &completion, 2);
            check_answer(&lab, &prompt(length), &completion, 1);
            let plain = complete(&lab, greedy(&prompt(length), 3));
            assert_eq!(plain.ids, completion.ids);
            assert_eq!((plain.prompt_logprobs, plain.logprobs), (None, vec![]));
        }
        lab.settle(12);
    }
}

#[test]
fn they_are_there_with_the_first_token() {
    let lab = Lab::new(lettered(), spec());
    let mut stream = lab.generate(greedy(&prompt(6), 30).prompt_logprobs(0));
    assert_eq!(stream.prompt_logprobs(), None);
    (&mut stream).into_iter().next().unwrap().unwrap();
    assert_eq!(stream.prompt_logprobs().unwrap().len(), 5);
    drop(stream);
    lab.settle(1);
}

/// The older sequence grows until the younger one, whose prompt is being read, has to give way.
#[test]
fn a_prompt_that_is_preempted_is_scored_once() {
    let tight = Spec {
        blocks: 24,
        max_rows: 2,
        max_tokens: 2,
        ..spec()
    };
    let lab = Lab::new(lettered(), tight);
    lab.control.hold();
    let older = lab.generate(greedy(&prompt(4), 60));
    lab.control.begun(1);
    let younger = lab.generate(greedy(&prompt(60), 5).prompt_logprobs(1));
    lab.control.open();
    read(older);
    let completion = younger.blocking().completion().unwrap();
    check_prompt(&lab, &prompt(60), &completion, 1);
    let hand = lab.control.hand();
    let rows = || {
        hand.steps
            .iter()
            .flatten()
            .filter(|row| row.sequence.0 == 1)
    };
    assert_eq!(rows().map(|row| row.scored).sum::<usize>(), 59);
    let read_again = rows().filter(|row| row.positions.start == 0).count();
    assert_eq!(read_again, 2, "it was preempted in its prompt");
    drop(hand);
    assert_eq!(lab.settle(2).preemptions, 1);
}

#[test]
fn a_prompt_that_cannot_be_scored_ends_its_own_stream() {
    let broken = |tokens: &[TokenId]| {
        let mut logits = hashed()(tokens);
        if tokens.len() == 3 {
            logits.fill(f32::NAN);
        }
        logits
    };
    let lab = Lab::new(std::sync::Arc::new(broken), spec());
    let stream = lab.generate(greedy(&prompt(6), 5).prompt_logprobs(0));
    let error = stream.blocking().completion().unwrap_err();
    assert_eq!(error, Error::Numerical { index: 0 });
    // Without scores nobody looks at that position.
    read(lab.generate(greedy(&prompt(6), 5)));
    assert_eq!(lab.settle(2).requests_failed, 1);
}

#[test]
fn a_model_that_does_not_do_its_tasks_is_found_out() {
    let cases = [
        (MIXED, "the model chose where it was to score"),
        (UNSCORED, "the model did not tell a token's log-probability"),
    ];
    for (fault, message) in cases {
        let lab = Lab::new(lettered(), spec());
        lab.control.hand().faults.insert(0, fault);
        let request = greedy(&prompt(6), 5).prompt_logprobs(0).logprobs(0);
        let error = lab.generate(request).blocking().completion().unwrap_err();
        assert_eq!(error, Error::Engine(message.into()));
        lab.settle(1);
    }
}
