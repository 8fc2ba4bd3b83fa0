//! What the engine keeps for the samplers, and what it refuses to them.

use std::sync::Arc;

use stream_core::{
    BackendExt, Deadlines, Dry, Error, Mirostat, Rejection, Request, RequestBuilder, Sampling,
    SamplingBuilder, Stop, TokenId, Xtc,
};
use stream_runtime::Spec;
use stream_testkit::Brain;

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::{hashed, scripted};
use crate::words::{KNOWN, ids, text};

fn sampled(prompt: &[TokenId], tokens: usize, sampling: Sampling) -> RequestBuilder {
    greedy(prompt, tokens).sampling(sampling)
}

/// Samplers that look at the past or keep a state, or draw a second number.
fn samplings() -> [Sampling; 5] {
    let b = |seed| Sampling::builder().seed(seed);
    let dry = || Dry {
        multiplier: 2.0,
        allowed_length: 1,
        sequence_breakers: vec!["ab".into(), ".".into()],
        ..Dry::default()
    };
    let ranged = Dry {
        range: Some(9),
        ..dry()
    };
    let xtc = Xtc {
        probability: 0.6,
        threshold: 0.02,
    };
    [
        b(1).mirostat(Mirostat { tau: 2.0, eta: 0.3 }),
        b(2).dry(dry()).temperature(0.5),
        b(3).xtc(xtc).top_k(20),
        b(4).mirostat(Mirostat::default()).dry(ranged),
        b(5).temperature(0.0).dry(dry()).repetition_penalty(1.1),
    ]
    .map(|draft| draft.build().unwrap())
}

/// Held until all have arrived, so that they compete for blocks from the first step on.
#[test]
fn states_survive_preemption_and_do_not_mix() {
    let tight = Spec {
        blocks: 26,
        max_tokens: 16,
        ..spec()
    };
    let lab = Lab::new(hashed(), tight);
    lab.control.hold();
    let prompts: Vec<Vec<_>> = (0..5).map(|i| vec![5, 6, 7 + i, 5, 6]).collect();
    let requests = prompts.iter().zip(samplings());
    let streams: Vec<_> = requests
        .map(|(p, s)| lab.generate(sampled(p, 80, s)))
        .collect();
    lab.control.open();
    for ((stream, prompt), sampling) in streams.into_iter().zip(&prompts).zip(samplings()) {
        let expected = lab.expected(prompt, 80, &sampling);
        assert_eq!(read(stream), expected, "{sampling:?}");
    }
    let stats = lab.settle(5);
    assert!(stats.preemptions > 3, "{stats:?}");
}

#[test]
fn dry_stops_a_model_that_repeats_itself() {
    let says = ids(&"abcd".repeat(10));
    let lab = Lab::new(scripted(1, &says), spec());
    let answer = |sampling| read(lab.generate(sampled(&ids("x"), 16, sampling)));
    assert_eq!(text(&answer(Sampling::greedy())), "abcdabcdabcdabcd");
    let dry = Dry {
        multiplier: 100.0,
        base: 2.0,
        ..Dry::default()
    };
    let greedy = Sampling::builder().temperature(0.0);
    let answer = text(&answer(greedy.dry(dry).build().unwrap()));
    // "ab" is allowed to come again, and c after it is not.
    assert!(
        answer.starts_with("abcdab") && !answer.starts_with("abcdabc"),
        "{answer}"
    );
    lab.settle(2);
}

#[test]
fn a_bad_word_is_never_completed() {
    let says = ids("the bad badge is bad");
    let answer = |set: fn(SamplingBuilder) -> SamplingBuilder| {
        let lab = Lab::new(scripted(1, &says), spec());
        let sampling = set(Sampling::builder().temperature(0.0)).build().unwrap();
        let ids = read(lab.generate(sampled(&ids("x"), says.len(), sampling)));
        lab.settle(1);
        text(&ids)
    };
    assert_eq!(answer(|s| s), "the bad badge is bad");
    // The scripted model's second choice is the lowest id, which adds nothing.
    assert_eq!(answer(|s| s.bad_word("bad")), "the ba bage is ba");
    assert_eq!(
        answer(|s| s.bad_token_sequence(ids("d "))),
        "the badbadge is bad"
    );
    assert_eq!(
        answer(|s| s.bad_token_sequence([ids("b")[0]])),
        "the ad adge is ad"
    );
    let lab = Lab::new(scripted(1, &says), spec());
    let all = (0..KNOWN as TokenId).fold(Sampling::builder(), |s, id| match id {
        0..59 => s.bad_token_sequence([id]),
        _ => s,
    });
    let request = sampled(&ids("x"), 3, all.build().unwrap());
    assert_eq!(read(lab.generate(request)), [59, 59, 59]);
    lab.settle(1);
}

#[test]
fn bad_words_hold_besides_min_tokens() {
    let lab = Lab::new(scripted(1, &[0, 0, 0]), spec());
    let stop = Stop::builder().min_tokens(2).build().unwrap();
    let sampling = Sampling::builder().temperature(0.0).bad_token_sequence([1]);
    let request = Request::raw("x")
        .sampling(sampling.build().unwrap())
        .stop(stop);
    let completion = lab.generate(request).blocking().completion().unwrap();
    // Neither the end nor the second choice, then the end.
    assert_eq!(completion.ids, [2, 2, 0]);
    lab.settle(1);
}

#[test]
fn a_bias_moves_the_choice() {
    let lab = Lab::new(scripted(1, &ids("aaaa")), spec());
    let b = ids("b")[0];
    let biased = |bias| Sampling::builder().temperature(0.0).logit_bias(b, bias);
    let answer = |bias| {
        let request = sampled(&ids("x"), 4, biased(bias).build().unwrap());
        text(&read(lab.generate(request)))
    };
    // The script has a logit of 100, and b has −3.
    assert_eq!(answer(100.0), "aaaa");
    let twice = biased(100.0)
        .logit_bias(ids("a")[0], -100.0)
        .build()
        .unwrap();
    assert_eq!(
        text(&read(lab.generate(sampled(&ids("x"), 4, twice)))),
        "bbbb"
    );
    lab.settle(2);
}

#[test]
fn ids_outside_the_tokenizers_vocabulary_are_refused() {
    let lab = Lab::new(hashed(), spec());
    let b = Sampling::builder;
    let of = |draft: SamplingBuilder| Request::raw("a").sampling(draft.build().unwrap());
    let cases = [
        ("logit_bias", of(b().logit_bias(60, 1.0))),
        ("bad_token_sequences", of(b().bad_token_sequence([3, 60]))),
        ("prompt", Request::tokens([3, 60]).prompt_logprobs(0)),
    ];
    for (parameter, request) in cases {
        let rejected = lab.engine.generate(request.build().unwrap()).unwrap_err();
        let Rejection::Invalid(invalid) = rejected.reason else {
            panic!("{rejected}")
        };
        assert_eq!(invalid.parameter, parameter);
        assert_eq!(invalid.found, "a list with the id 60");
        assert_eq!(invalid.allowed, "ids under 60");
    }
    let word = of(b().bad_word("5%"));
    let rejected = lab.engine.generate(word.build().unwrap()).unwrap_err();
    assert!(
        matches!(rejected.reason, Rejection::Tokenize(_)),
        "{rejected}"
    );
    let panics = of(b().bad_word("no!"));
    let rejected = lab.engine.generate(panics.build().unwrap()).unwrap_err();
    assert!(rejected.to_string().contains("may panic"), "{rejected}");
    lab.settle(0);
}

/// The model's logits are wider than the tokenizer's vocabulary, and it likes the rest best.
#[test]
fn ids_that_are_only_padding_have_no_part_in_anything() {
    let plain = hashed();
    let padded: Brain = Arc::new(move |tokens| {
        let mut logits = plain(tokens);
        logits[KNOWN..].fill(50.0);
        logits
    });
    let lab = Lab::new(padded, spec());
    let drawn = |draft: SamplingBuilder| sampled(&[5, 6], 40, draft.seed(1).build().unwrap());
    let b = Sampling::builder;
    let requests = [
        greedy(&[5, 6], 40),
        drawn(b()),
        drawn(b().temperature(10.0).typical_p(0.9)),
        drawn(b().mirostat(Mirostat::default())),
    ];
    for request in requests {
        let completion = lab
            .generate(request.logprobs(20))
            .blocking()
            .completion()
            .unwrap();
        let ids = |logprobs: &stream_core::TokenLogprobs| {
            let all = logprobs.top.iter().chain([&logprobs.token]);
            all.map(|l| l.id.unwrap() as usize).collect::<Vec<_>>()
        };
        assert!(
            completion
                .logprobs
                .iter()
                .flat_map(ids)
                .all(|id| id < KNOWN)
        );
        let sums = completion.logprobs.iter().map(|l| l.token.logprob.exp());
        assert!(
            sums.clone().all(|p| p > 1e-9),
            "{:?}",
            sums.collect::<Vec<_>>()
        );
    }
    lab.settle(4);
}

#[test]
fn logits_that_are_no_numbers_are_counted() {
    let plain = hashed();
    let holed: Brain = Arc::new(move |tokens| {
        let mut logits = plain(tokens);
        logits[7..10].fill(f32::NAN);
        logits[KNOWN + 1] = f32::NAN;
        logits
    });
    let lab = Lab::new(holed, spec());
    let answer = read(lab.generate(greedy(&[5, 6], 11)));
    assert!(!answer.iter().any(|id| (7..10).contains(id)));
    assert_eq!(lab.settle(1).nan_logits, 3 * 11);
    let lab = Lab::new(hashed(), spec());
    read(lab.generate(greedy(&[5, 6], 11)));
    assert_eq!(lab.settle(1).nan_logits, 0);
}

/// Half a character and the beginning of a stop string are the reader's when time is up.
#[test]
fn a_deadline_releases_what_was_held_back() {
    let smile = crate::words::SMILE;
    let cases = [
        (ids("a sto"), "a sto"),
        ([&ids("a st")[..], &smile[..1]].concat(), "a st\u{fffd}"),
    ];
    for (says, expected) in cases {
        let lab = Lab::new(scripted(1, &says), spec());
        lab.control.hold();
        lab.control.allow(5);
        let deadlines = Deadlines {
            between_tokens: Some(std::time::Duration::from_millis(300)),
            ..Deadlines::default()
        };
        let stop = Stop::builder().string("stop").build().unwrap();
        let request = Request::raw("x").greedy().stop(stop).deadlines(deadlines);
        let mut stream = lab.generate(request);
        let last = (&mut stream).into_iter().last().unwrap();
        assert!(matches!(last, Err(Error::Deadline { .. })), "{last:?}");
        assert_eq!((stream.text(), stream.ids().len()), (expected, 5));
        lab.settle(1);
    }
}
