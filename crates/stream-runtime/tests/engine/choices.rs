//! Several answers to one request.

use std::sync::Arc;

use stream_core::{BackendExt, Rejection, Request, Sampling, Stop, TokenId};
use stream_runtime::EngineConfig;

use crate::lab::{Lab, config, spec};
use crate::toy::{answer_of_choice, hashed};

fn request(prompt: &[TokenId], sampling: Sampling, n: usize) -> Request {
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let request = Request::tokens(prompt).sampling(sampling).stop(stop);
    request.max_tokens(20).n(n).build().unwrap()
}

fn seeded(seed: u64) -> Sampling {
    Sampling::builder().seed(seed).build().unwrap()
}

fn answers(lab: &Lab, request: Request) -> Vec<Vec<TokenId>> {
    let choices = lab.engine.generate_choices(request).unwrap();
    let completions = choices.blocking().completions().unwrap();
    completions.into_iter().map(|answer| answer.ids).collect()
}

#[test]
fn each_has_draws_of_its_own_that_a_seed_repeats() {
    let lab = Lab::new(hashed(), spec());
    let prompt = [5, 6, 7];
    let together = answers(&lab, request(&prompt, seeded(3), 6));
    for (choice, ids) in together.iter().enumerate() {
        let expected = answer_of_choice(&lab.brain, &prompt, 20, &seeded(3), choice as u32);
        assert_eq!(*ids, expected, "choice {choice}");
    }
    assert_eq!(answers(&lab, request(&prompt, seeded(3), 6)), together);
    assert_eq!(
        answers(&lab, request(&prompt, seeded(3), 1))[0],
        together[0]
    );
    let mut different = together.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 6);
    let mut unseeded = answers(&lab, request(&prompt, Sampling::default(), 6));
    unseeded.sort();
    unseeded.dedup();
    assert_eq!(unseeded.len(), 6);
    lab.settle(6 + 6 + 1 + 6);
}

#[test]
fn greedy_answers_are_the_same() {
    let lab = Lab::new(hashed(), spec());
    let all = answers(&lab, request(&[5, 6], Sampling::greedy(), 3));
    assert!(all.iter().all(|ids| *ids == all[0]), "{all:?}");
    lab.settle(3);
}

/// There is room for four; of five none is taken.
#[test]
fn all_or_none_are_admitted() {
    let narrow = stream_runtime::Spec {
        max_rows: 2,
        ..spec()
    };
    let config = EngineConfig {
        queue: 2,
        ..config()
    };
    let lab = Lab::with_config(hashed(), narrow, config);
    lab.control.hold();
    let five = request(&[5], seeded(1), 5);
    let rejected = lab.engine.generate_choices(five.clone()).unwrap_err();
    assert_eq!(rejected.reason, Rejection::QueueFull { capacity: 2 });
    assert_eq!(rejected.into_request(), five);
    lab.control.open();
    while lab.engine.stats().requests_cancelled < 4 {
        std::thread::yield_now();
    }
    assert_eq!(
        Arc::new(answers(&lab, request(&[5], seeded(1), 1))).len(),
        1
    );
    lab.settle(5);
}
