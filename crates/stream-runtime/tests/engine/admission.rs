//! What is refused, and why: before the first token, with the request given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stream_core::{
    Backend, BackendExt, Capabilities, Message, Rejected, Rejection, Request, RequestBuilder, Stop,
    Support, TokenId, TokenizeError, Tokenizer, channel,
};
use stream_runtime::{Engine, EngineConfig, Spec, StartError};
use stream_testkit::{Control, Faulty, Toy};

use crate::lab::{Lab, config, greedy, read, spec};
use crate::toy::hashed;
use crate::words::{Words, ids};

fn small() -> Spec {
    Spec {
        context_length: 20,
        ..spec()
    }
}

fn refusal(lab: &Lab, request: RequestBuilder) -> Rejection {
    let request = request.build().unwrap();
    let Rejected { reason, returned } = lab.engine.generate(request.clone()).unwrap_err();
    assert_eq!(returned.0, request);
    reason
}

fn refuses(spec: Spec, cases: Vec<(RequestBuilder, &str)>) {
    let lab = Lab::new(hashed(), spec);
    for (request, message) in cases {
        assert_eq!(refusal(&lab, request).to_string(), message);
    }
    // Every refused request has given its place back.
    let stats = lab.settle(0);
    assert_eq!(stats.steps, 0);
}

#[test]
fn a_prompt_that_cannot_be_tokenised() {
    refuses(
        spec(),
        vec![
            (
                Request::raw("50%"),
                "the prompt cannot be tokenised: no token for byte 53",
            ),
            (
                Request::raw("no!"),
                "the prompt cannot be tokenised: a tokenizer may panic",
            ),
            (
                Request::raw("#"),
                "the prompt cannot be tokenised: the tokenizer makes the id 1000, but the \
                 model's vocabulary is 64",
            ),
            (
                Request::raw("^"),
                "prompt is a text without any token, but must be a text that makes at least one \
                 token",
            ),
            (
                Request::tokens([3, 64]),
                "prompt is a list with the id 64, but must be ids under 64",
            ),
        ],
    );
}

#[test]
fn stop_ids_outside_the_vocabulary() {
    let stop = Stop::builder().id(3).id(99).build().unwrap();
    let message = "stop_token_ids is a list with the id 99, but must be ids under 64";
    refuses(spec(), vec![(Request::raw("a").stop(stop), message)]);
}

#[test]
fn too_long_for_the_context() {
    let exceeded = |prompt, asked| {
        format!(
            "the prompt has {prompt} tokens and the request asks for {asked} more, but the \
             context of hash holds 20"
        )
    };
    let min = |tokens| Stop::builder().min_tokens(tokens).build().unwrap();
    refuses(
        small(),
        vec![
            (greedy(&[2; 20], 1), &exceeded(20, 1)),
            (Request::tokens([2; 20]), &exceeded(20, 1)),
            (Request::tokens([2; 16]).stop(min(5)), &exceeded(16, 5)),
            (greedy(&[2; 11], 10), &exceeded(11, 10)),
            (greedy(&[2; 11], usize::MAX), &exceeded(11, usize::MAX)),
        ],
    );
}

#[test]
fn the_last_place_of_the_context_can_be_used() {
    let lab = Lab::new(hashed(), small());
    assert_eq!(read(lab.generate(greedy(&[2; 11], 9))).len(), 9);
    assert_eq!(read(lab.generate(greedy(&[2; 19], 1))).len(), 1);
    lab.settle(2);
}

#[test]
fn what_can_never_fit_into_the_cache() {
    let tiny = Spec {
        blocks: 3,
        ..spec()
    };
    refuses(
        tiny.clone(),
        vec![
            (
                greedy(&[2; 6], 8),
                "the request needs 13 tokens of KV cache, but the engine has 12 in all",
            ),
            (
                Request::tokens([2; 13]),
                "the request needs 13 tokens of KV cache, but the engine has 12 in all",
            ),
        ],
    );
    let lab = Lab::new(hashed(), tiny);
    assert_eq!(read(lab.generate(greedy(&[2; 6], 7))).len(), 7);
    // A request that leaves it open gets what there is.
    let stop = Stop::builder().ignore_eos().build().unwrap();
    assert_eq!(
        read(lab.generate(Request::tokens([2; 6]).stop(stop))).len(),
        7
    );
    lab.settle(2);
}

#[test]
fn a_parameter_that_the_engine_does_not_have() {
    let capabilities = Capabilities {
        seed: Support::Unsupported,
        ..Capabilities::core()
    };
    let config = EngineConfig {
        capabilities,
        ..config()
    };
    let lab = Lab::with_config(hashed(), spec(), config);
    let seeded = stream_core::Sampling::builder().seed(1).build().unwrap();
    assert_eq!(
        refusal(&lab, Request::raw("a").sampling(seeded)),
        Rejection::Unsupported {
            parameter: "seed",
            backend: "toy".into()
        }
    );
    lab.settle(0);
}

/// A full queue is seen before the prompt is tokenised, and gives the request and its sink back.
#[test]
fn a_full_queue() {
    let config = EngineConfig {
        queue: 2,
        ..config()
    };
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let lab = Lab::with_config(hashed(), narrow, config);
    lab.control.hold();
    let request = || greedy(&ids("wait"), 3);
    let streams: Vec<_> = (0..3).map(|_| lab.generate(request())).collect();
    let cannot_be_tokenised = Request::raw("no!");
    assert_eq!(
        refusal(&lab, cannot_be_tokenised),
        Rejection::QueueFull { capacity: 2 }
    );

    let again = request().build().unwrap();
    let (sink, late) = channel(&again);
    let rejected = lab.engine.submit(again, sink).unwrap_err();
    lab.control.open();
    let ids: Vec<_> = streams.into_iter().map(read).collect();
    while lab.engine.stats().requests_finished < 3 {
        std::thread::yield_now();
    }
    let (request, sink) = *rejected.returned;
    let mut retry = Err(Rejected::new(rejected.reason, request, sink.unwrap()));
    // The place of the last one is given back a moment after its end.
    while let Err(rejected) = retry {
        let (request, sink) = *rejected.returned;
        retry = lab.engine.submit(request, sink.unwrap());
    }
    assert_eq!(read(late), ids[0]);
    lab.settle(4);
}

/// Counts what is asked of it.
struct Counting {
    words: Words,
    encoded: Arc<AtomicUsize>,
}

impl Tokenizer for Counting {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        self.encoded.fetch_add(1, Ordering::SeqCst);
        self.words.encode(text)
    }

    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        self.words.render_chat(messages)
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.words.token_bytes(id)
    }

    fn vocabulary_size(&self) -> usize {
        self.words.vocabulary_size()
    }

    fn end_ids(&self) -> &[TokenId] {
        self.words.end_ids()
    }
}

#[test]
fn a_full_queue_costs_no_tokenising() {
    let config = EngineConfig {
        queue: 0,
        ..config()
    };
    let narrow = Spec {
        max_rows: 1,
        ..spec()
    };
    let (control, encoded) = (Control::default(), Arc::new(AtomicUsize::new(0)));
    let tokenizer = Counting {
        words: Words::new(),
        encoded: encoded.clone(),
    };
    let toy = Faulty::new(Toy::thinking(narrow, hashed()), control.clone());
    let engine = Engine::start(toy, Arc::new(tokenizer), config).unwrap();
    control.hold();
    let stream = engine.generate(Request::raw("one").max_tokens(2).build().unwrap());
    for _ in 0..100 {
        let refused = engine.generate(Request::raw("two").build().unwrap());
        assert_eq!(
            refused.unwrap_err().reason,
            Rejection::QueueFull { capacity: 0 }
        );
    }
    assert_eq!(encoded.load(Ordering::SeqCst), 1);
    control.open();
    assert!(stream.unwrap().blocking().completion().is_ok());
}

#[test]
fn chats_are_rendered_and_unfinished_business_is_counted() {
    let lab = Lab::new(hashed(), spec());
    let request = Request::chat([Message::system("be brief"), Message::user("why")]);
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let stream = lab.generate(request.greedy().max_tokens(5).stop(stop));
    assert_eq!(stream.usage().prompt_tokens, "be brief why.".len());
    let expected = lab.expected(&ids("be brief why."), 5, &stream_core::Sampling::greedy());
    assert_eq!(read(stream), expected);
    lab.settle(1);
}

#[test]
fn the_default_of_max_tokens() {
    let config = EngineConfig {
        default_max_tokens: Some(6),
        ..config()
    };
    let lab = Lab::with_config(hashed(), spec(), config);
    let stop = |min| {
        Stop::builder()
            .ignore_eos()
            .min_tokens(min)
            .build()
            .unwrap()
    };
    for (min, tokens) in [(0, 6), (9, 9)] {
        assert_eq!(
            read(lab.generate(Request::raw("a").stop(stop(min)))).len(),
            tokens
        );
    }
    lab.settle(2);
}

#[test]
fn impossible_engines_do_not_start() {
    let start = |spec: Spec, config| {
        let toy = Toy::thinking(spec, hashed());
        Engine::start(toy, Arc::new(Words::new()), config)
            .unwrap_err()
            .to_string()
    };
    let cases = [
        (
            Spec {
                vocabulary: 0,
                ..spec()
            },
            "vocabulary is 0, but must be at least 1",
        ),
        (
            Spec {
                context_length: 1,
                ..spec()
            },
            "context_length is 1, but must be at least 2",
        ),
        (
            Spec {
                block_size: 0,
                ..spec()
            },
            "block_size is 0, but must be at least 1",
        ),
        (
            Spec {
                blocks: 0,
                ..spec()
            },
            "blocks is 0, but must be at least 1",
        ),
        (
            Spec {
                max_rows: 0,
                ..spec()
            },
            "max_rows is 0, but must be at least 1",
        ),
        (
            Spec {
                max_tokens: 7,
                ..spec()
            },
            "max_tokens is 7, but must be at least 8",
        ),
    ];
    for (spec, message) in cases {
        assert_eq!(start(spec, config()), message);
    }
    let no_time = EngineConfig {
        step_timeout: Some(Duration::ZERO),
        ..config()
    };
    assert_eq!(
        start(spec(), no_time),
        "step_timeout in milliseconds is 0, but must be at least 1"
    );
    let no_text = EngineConfig {
        text_threads: 0,
        ..config()
    };
    assert_eq!(
        start(spec(), no_text),
        "text_threads is 0, but must be at least 1"
    );
    let toy = Toy::thinking(spec(), hashed());
    let config = EngineConfig {
        default_max_tokens: Some(0),
        ..config()
    };
    let error = Engine::start(toy, Arc::new(Words::new()), config).unwrap_err();
    assert!(matches!(
        error,
        StartError::Impossible {
            what: "default_max_tokens",
            ..
        }
    ));
}

#[test]
fn the_engine_says_what_it_is() {
    let lab = Lab::new(hashed(), spec());
    let info = lab.engine.info();
    assert_eq!((info.name.as_str(), info.model.as_str()), ("toy", "hash"));
    assert_eq!(info.limits.context_length, Some(256));
    assert_eq!((info.limits.queue, info.limits.concurrent), (256, 8));
    assert_eq!(lab.engine.stats().kv_blocks_total, 512);
}
