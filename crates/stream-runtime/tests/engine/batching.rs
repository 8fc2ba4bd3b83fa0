//! Whatever shares the steps, the cache and the budget: the ids are those of each request alone.

use std::thread::scope;

use stream_core::{Request, Sampling, Stop, TokenId};
use stream_runtime::Spec;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::hashed;

fn prompt(length: usize, salt: u32) -> Vec<TokenId> {
    (0..length as u32)
        .map(|i| 2 + (i * 7 + salt * 11) % 58)
        .collect()
}

/// Prompt lengths and answer lengths.
const REQUESTS: [(usize, usize); 8] = [
    (1, 40),
    (30, 3),
    (5, 25),
    (64, 12),
    (2, 60),
    (17, 1),
    (9, 33),
    (100, 20),
];

/// Requests that join at different times: each when its predecessor has its second token.
fn staggered(lab: &Lab, samplings: &[Sampling]) -> Vec<Vec<TokenId>> {
    let ignore_eos = Stop::builder().ignore_eos().build().unwrap();
    scope(|scope| {
        let mut readers = Vec::new();
        for (salt, (&(length, tokens), sampling)) in REQUESTS.iter().zip(samplings).enumerate() {
            let request = Request::tokens(prompt(length, salt as u32));
            let request = request.sampling(sampling.clone()).stop(ignore_eos.clone());
            let mut stream = lab.generate(request.max_tokens(tokens));
            (&mut stream)
                .into_iter()
                .take(2)
                .for_each(|token| drop(token.unwrap()));
            readers.push(scope.spawn(|| read(stream)));
        }
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    })
}

fn check(spec: Spec, samplings: &[Sampling]) -> stream_core::Stats {
    let lab = Lab::new(hashed(), spec);
    let found = staggered(&lab, samplings);
    for (salt, ids) in found.iter().enumerate() {
        let (length, tokens) = REQUESTS[salt];
        let expected = lab.expected(&prompt(length, salt as u32), tokens, &samplings[salt]);
        assert_eq!(*ids, expected, "request {salt}");
    }
    let stats = lab.settle(8);
    assert_eq!(stats.requests_finished, 8);
    let sum = |pick: fn(&(usize, usize)) -> usize| REQUESTS.iter().map(pick).sum::<usize>() as u64;
    assert_eq!(stats.prompt_tokens, sum(|r| r.0));
    assert_eq!(stats.completion_tokens, sum(|r| r.1));
    stats
}

fn samplings() -> Vec<Sampling> {
    let drawn = |seed| Sampling::builder().temperature(0.9).top_k(20).seed(seed);
    let penalised = |seed| drawn(seed).repetition_penalty(1.3).frequency_penalty(0.5);
    let every = |seed| match seed % 3 {
        0 => Sampling::greedy(),
        1 => drawn(seed).build().unwrap(),
        _ => penalised(seed).build().unwrap(),
    };
    (0..8).map(every).collect()
}

#[test]
fn alone_and_together_are_the_same() {
    let stats = check(spec(), &samplings());
    assert_eq!(stats.preemptions, 0);
}

#[test]
fn chunked_and_whole_are_the_same() {
    let small = Spec {
        max_tokens: 8,
        ..spec()
    };
    check(small, &samplings());
}

#[test]
fn one_row_at_a_time_is_the_same() {
    let narrow = Spec {
        max_rows: 1,
        max_tokens: 1,
        ..spec()
    };
    check(narrow, &samplings());
}

#[test]
fn every_block_size_is_the_same() {
    for block_size in [1, 3, 16, 256] {
        let sized = Spec {
            block_size,
            blocks: 2048 / block_size,
            ..spec()
        };
        check(sized, &samplings());
    }
}

/// Held until all have arrived, so that they compete for blocks from the first step on.
#[test]
fn preempted_and_undisturbed_are_the_same() {
    let tight = Spec {
        blocks: 31,
        max_tokens: 24,
        ..spec()
    };
    let lab = Lab::new(hashed(), tight);
    lab.control.hold();
    let prompts: Vec<_> = (0..8)
        .map(|salt| prompt(3 + 2 * salt, salt as u32))
        .collect();
    let streams: Vec<_> = prompts
        .iter()
        .map(|p| lab.generate(greedy(p, 90)))
        .collect();
    lab.control.open();
    for (prompt, stream) in prompts.iter().zip(streams) {
        assert_eq!(read(stream), lab.expected(prompt, 90, &Sampling::greedy()));
    }
    let stats = lab.settle(8);
    assert!(stats.preemptions > 3, "{stats:?}");
}

#[test]
fn a_long_prompt_does_not_stop_those_that_decode() {
    let chunked = Spec {
        max_tokens: 16,
        ..spec()
    };
    let lab = Lab::new(hashed(), chunked);
    lab.control.hold();
    let decoding = lab.generate(greedy(&prompt(4, 0), 40));
    lab.control.begun(1);
    let long = lab.generate(greedy(&prompt(120, 1), 1));
    lab.control.open();
    read(long);
    read(decoding);
    // 120 tokens, 15 beside the one that decodes.
    let prefill = lab.steps_of(1);
    assert_eq!(prefill.len(), 8);
    assert!(prefill.iter().all(|step| lab.steps_of(0).contains(step)));
    lab.settle(2);
}

#[test]
fn requests_without_a_seed_differ() {
    let lab = Lab::new(hashed(), spec());
    let sampled = || {
        let stop = Stop::builder().ignore_eos().build().unwrap();
        read(lab.generate(Request::raw("same").max_tokens(30).stop(stop)))
    };
    assert_ne!(sampled(), sampled());
    lab.settle(2);
}
