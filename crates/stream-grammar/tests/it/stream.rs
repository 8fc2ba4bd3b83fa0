//! Grammars in the loop: with everything else that a request may ask for.

use std::sync::Arc;

use proptest::prelude::*;
use stream_core::{
    Backend, BackendExt, Completion, Error, FinishReason, Grammar, Rejection, Request,
    RequestBuilder, Sampling, SamplingBuilder, Stop, StopBuilder, Support, TokenId,
};
use stream_runtime::{Engine, EngineConfig, Spec};
use stream_testkit::{Brain, Toy, hashed};

use crate::lab::{BYTES, Cutter, END, grammars, regex, schema};

const IDS: usize = 288;

fn spec() -> Spec {
    Toy::small(IDS)
}

fn engine(spec: Spec, brain: Brain) -> Engine {
    let config = EngineConfig {
        grammars: Some(Arc::new(grammars())),
        ..EngineConfig::new("toy", "hash", "test")
    };
    let model = Toy::thinking(spec, brain);
    Engine::start(model, Arc::new(Cutter::default()), config).unwrap()
}

fn hash() -> Engine {
    engine(spec(), hashed(IDS))
}

fn drawn(seed: u64) -> Sampling {
    Sampling::builder()
        .temperature(0.9)
        .seed(seed)
        .build()
        .unwrap()
}

fn ask(grammar: Grammar, seed: u64) -> RequestBuilder {
    Request::raw("x")
        .grammar(grammar)
        .max_tokens(60)
        .sampling(drawn(seed))
}

fn stop(stop: StopBuilder) -> Stop {
    stop.build().unwrap()
}

fn read(engine: &Engine, request: RequestBuilder) -> Completion {
    outcome(engine, request).unwrap()
}

fn outcome(engine: &Engine, request: RequestBuilder) -> Result<Completion, Error> {
    let stream = engine.generate(request.build().unwrap()).unwrap();
    stream.blocking().completion()
}

fn byte(byte: u8) -> TokenId {
    BYTES + TokenId::from(byte)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_answer_matches_its_regex(
        seed: u64,
        pattern in prop::sample::select(vec![
            "[a-z]{1,4}(-[0-9]{2}){0,3}", "(?:é|水|🙂){2,5}", "a?b?c?", "[^x]{3}", "(?:yes|no|maybe)",
        ]),
    ) {
        let whole = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let answer = read(&hash(), ask(regex(pattern), seed));
        prop_assert_eq!(&answer.reason, &FinishReason::EndOfSequence);
        prop_assert_eq!(answer.ids.last(), Some(&END));
        prop_assert!(whole.is_match(&answer.text), "{}", answer.text);
    }
}

#[test]
fn a_seed_gives_the_same_alone_in_a_batch_and_after_preemption() {
    let grammar = || {
        schema(
            r#"{"type":"array","items":{"enum":["é","水","abc",12,null]},"minItems":6,"maxItems":9}"#,
        )
    };
    let roomy = hash();
    let alone: Vec<_> = (0..6)
        .map(|seed| read(&roomy, ask(grammar(), seed)).ids)
        .collect();
    // 60 tokens each need 16 blocks, and there are 40 for six.
    let tight = engine(
        Spec {
            blocks: 40,
            ..spec()
        },
        hashed(IDS),
    );
    for engine in [&roomy, &tight] {
        let start = |seed| {
            engine
                .generate(ask(grammar(), seed).build().unwrap())
                .unwrap()
        };
        let streams: Vec<_> = (0..6).map(start).collect();
        for (stream, alone) in streams.into_iter().zip(&alone) {
            assert_eq!(stream.blocking().completion().unwrap().ids, *alone);
        }
    }
    assert!(tight.stats().preemptions > 0, "{:?}", tight.stats());
}

#[test]
fn the_grammar_outlives_a_cut() {
    let engine = hash();
    let cut = read(&engine, ask(regex("[ab]{100}"), 1).max_tokens(7));
    assert_eq!(cut.reason, FinishReason::Length);
    assert!(cut.text.bytes().all(|b| b"ab".contains(&b)), "{}", cut.text);
    let stops = stop(Stop::builder().string("5"));
    let stopped = read(
        &engine,
        ask(regex("[a-c]{3}(?:5|55)[d-f]{2}"), 2).stop(stops),
    );
    assert_eq!(stopped.reason, FinishReason::StopString("5".into()));
    assert_eq!(stopped.text.len(), 3, "{}", stopped.text);
}

/// A stop id that adds no text ends the answer where the grammar lets it end, and only there.
#[test]
fn stop_ids_wait_for_the_grammar() {
    let engine = hash();
    let silent = stop(Stop::builder().id(1).ignore_eos());
    let answer = read(&engine, ask(regex("[a-z]{5}"), 3).stop(silent));
    assert_eq!(answer.reason, FinishReason::StopToken(1));
    assert_eq!(answer.text.len(), 5, "{}", answer.text);
}

#[test]
fn a_complete_text_ends_without_an_end_token_where_those_are_ignored() {
    let engine = hash();
    let ignoring = || stop(Stop::builder().ignore_eos());
    let answer = read(&engine, ask(regex("(?:abc|水)"), 4).stop(ignoring()));
    assert_eq!(answer.reason, FinishReason::EndOfSequence);
    assert!(["abc", "水"].contains(&answer.text.as_str()));
    assert!(!answer.ids.contains(&END));
    // It goes on as long as it can.
    let answer = read(&engine, ask(regex("a*"), 4).stop(ignoring()).max_tokens(20));
    assert_eq!(
        (answer.reason, answer.ids.len()),
        (FinishReason::Length, 20)
    );
}

#[test]
fn text_that_is_held_back_comes_out_at_such_an_end() {
    let stops = stop(Stop::builder().ignore_eos().string("bcd"));
    let answer = read(&hash(), ask(regex("abc"), 4).stop(stops));
    assert_eq!(
        (answer.text.as_str(), answer.reason),
        ("abc", FinishReason::EndOfSequence)
    );
}

#[test]
fn what_leaves_nothing_to_choose_ends_its_stream_alone() {
    let engine = hash();
    let neighbour = engine
        .generate(ask(regex("[a-z]{40}"), 9).build().unwrap())
        .unwrap();
    let a_and_b = ["a", "ab", "aaaa"].map(|text| text.bytes().map(byte).collect::<Vec<_>>());
    let banned = |sampling: SamplingBuilder| {
        let parts = (258..258 + 22).map(|id| vec![id]);
        let all = a_and_b
            .iter()
            .filter(|ids| ids.len() == 1)
            .cloned()
            .chain(parts);
        all.fold(sampling, SamplingBuilder::bad_token_sequence)
            .build()
            .unwrap()
    };
    let masked = ask(regex("a{3}"), 5).sampling(banned(Sampling::builder()));
    let Err(Error::Grammar { index: 0, message }) = outcome(&engine, masked) else {
        panic!("something was chosen");
    };
    assert!(message.contains("bad_words"), "{message}");
    let early = stop(Stop::builder().min_tokens(10));
    let Err(Error::Grammar { index, message }) = outcome(&engine, ask(regex("xyz"), 5).stop(early))
    else {
        panic!("something was chosen");
    };
    assert_eq!(
        (index, &*message),
        (3, "the text is complete before min_tokens are made")
    );
    assert_eq!(neighbour.blocking().completion().unwrap().text.len(), 40);
}

#[test]
fn log_probabilities_are_the_models_own() {
    let engine = hash();
    let plain = read(
        &engine,
        Request::raw("x")
            .sampling(drawn(6))
            .max_tokens(1)
            .logprobs(5),
    );
    let kept = read(&engine, ask(regex("[a-z]{3}"), 6).logprobs(5));
    assert_eq!(kept.logprobs.len(), kept.ids.len());
    assert_eq!(kept.logprobs[0].top, plain.logprobs[0].top);
}

#[test]
fn penalties_and_bias_choose_among_what_is_allowed() {
    let sampling = Sampling::builder()
        .seed(3)
        .presence_penalty(2.0)
        .repetition_penalty(1.5)
        .logit_bias(byte(b'z'), 100.0)
        .logit_bias(byte(b'7'), 100.0)
        .top_k(3)
        .build()
        .unwrap();
    let answer = read(&hash(), ask(regex("[x-z]{4}"), 0).sampling(sampling));
    assert_eq!(answer.text, "zzzz");
}

#[test]
fn several_choices_each_keep_the_grammar() {
    let request = ask(regex("[a-e]{4}"), 8).n(6).build().unwrap();
    let engine = hash();
    let choices = engine.generate_choices(request).unwrap();
    let answers = choices
        .into_streams()
        .into_iter()
        .map(|stream| stream.blocking().completion());
    let texts: Vec<_> = answers.map(|answer| answer.unwrap().text).collect();
    assert!(texts.iter().all(|text| text.len() == 4), "{texts:?}");
    assert!(texts.iter().any(|text| *text != texts[0]), "{texts:?}");
}

#[test]
fn a_cancelled_answer_leaves_nothing_behind() {
    let engine = hash();
    for seed in 0..20 {
        let request = ask(regex("[a-z]*"), seed).max_tokens(200).build().unwrap();
        let mut stream = engine.generate(request).unwrap().blocking();
        drop(stream.next());
        drop(stream);
    }
    let soon = std::time::Instant::now() + std::time::Duration::from_secs(30);
    assert_eq!(futures::executor::block_on(engine.drain(soon)).aborted, 0);
    assert_eq!(engine.stats().kv_blocks_used, 0);
}

#[test]
fn a_bad_grammar_gives_the_request_back() {
    let engine = hash();
    let request = ask(regex("("), 1).build().unwrap();
    let rejected = engine.generate(request.clone()).unwrap_err();
    let Rejection::Grammar {
        kind: "regex",
        message,
    } = &rejected.reason
    else {
        panic!("{}", rejected.reason);
    };
    assert!(message.contains("unclosed group"), "{message}");
    assert_eq!(rejected.into_request(), request);
}

#[test]
fn an_engine_without_a_compiler_says_so() {
    let config = EngineConfig::new("toy", "hash", "test");
    let engine = Engine::start(Toy::new(spec()), Arc::new(Cutter::default()), config).unwrap();
    let able = engine.info().capabilities.structured_output;
    assert_eq!(able, Support::Unsupported);
    let rejected = engine
        .generate(ask(Grammar::JsonObject, 1).build().unwrap())
        .unwrap_err();
    assert!(matches!(
        rejected.reason,
        Rejection::Unsupported {
            parameter: "grammar",
            ..
        }
    ));
    assert_eq!(hash().info().capabilities.structured_output, Support::Core);
}
