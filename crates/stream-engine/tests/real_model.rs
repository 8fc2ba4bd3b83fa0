//! The facade on the real model. `cargo xtask test` fetches it.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use stream_engine::core::{
    Backend, BackendExt, Error, FinishReason, Health, Rejection, Request, Sampling, SlowReader,
    Stop, TokenId,
};
use stream_engine::{Ask, EngineError, StreamingConfig, StreamingEngine};

fn engine() -> StreamingEngine {
    let engine = StreamingEngine::new(StreamingConfig::default().temperature(0.0).max_tokens(24));
    assert!(
        engine.is_available(),
        "fetch the default model: stream-engine pull"
    );
    engine
}

/// Eight prompts of different lengths and how long each answer may be.
fn requests() -> Vec<Request> {
    let words = "The lighthouse keeper climbed the stairs and lit the lamp . ";
    (1..=8)
        .map(|i| {
            let question = format!("{}Go on.", words.repeat(i * i / 2));
            let request = Request::user(question).greedy().max_tokens(9 + 3 * i);
            request.build().unwrap()
        })
        .collect()
}

#[test]
fn requests_that_join_at_any_time_get_the_ids_they_get_alone() {
    let engine = engine();
    let backend = engine.backend().unwrap();
    let alone: Vec<Vec<TokenId>> = requests()
        .into_iter()
        .map(|request| block_on(backend.complete(request)).unwrap().ids)
        .collect();
    let mut streams = Vec::new();
    for request in requests() {
        streams.push(backend.generate(request).unwrap());
        // The next one joins when the first, if it still runs, has made a few more.
        block_on(async {
            for _ in 0..3 {
                streams[0].next().await;
            }
        });
    }
    let together: Vec<Vec<TokenId>> = streams
        .into_iter()
        .map(|stream| block_on(stream.collect()).unwrap().ids)
        .collect();
    assert_eq!(together, alone);
    let stats = backend.stats().unwrap();
    assert_eq!(
        (stats.running, stats.waiting, stats.kv_blocks_used),
        (0, 0, 0)
    );
}

#[test]
fn every_way_of_reading_gives_the_same_text() {
    let engine = engine();
    let ask = "What is the capital of France?";
    let mut callback = String::new();
    let end = engine
        .generate_with_callback(ask, |token| callback.push_str(&token.text))
        .unwrap();
    assert!(
        end.usage.completion_tokens > 1 && end.usage.prompt_tokens == 37,
        "{end:?}"
    );
    let iterated: Result<String, _> = engine
        .generate_iter(ask)
        .unwrap()
        .map(|t| t.map(|t| t.text))
        .collect();
    let buffered: Result<String, _> = engine
        .generate_buffered(ask, 3)
        .unwrap()
        .map(|c| c.map(|c| c.text))
        .collect();
    let streamed: String = block_on(async {
        let stream = engine.generate_stream(ask).await.unwrap();
        stream
            .map_ok(|token| token.text)
            .try_collect()
            .await
            .unwrap()
    });
    assert!(!callback.trim().is_empty());
    assert_eq!(
        [iterated.unwrap(), buffered.unwrap(), streamed],
        [(); 3].map(|()| callback.clone())
    );
}

#[test]
fn a_seed_repeats_its_answer_and_another_does_not() {
    let engine = engine();
    let answer = |seed| {
        let sampling = Sampling::builder()
            .temperature(1.0)
            .top_p(0.95)
            .seed(seed)
            .build()
            .unwrap();
        let ask = Ask::new("Tell me a story.").sampling(sampling);
        engine.generate_iter(ask).unwrap().completion().unwrap().ids
    };
    assert_eq!(answer(7), answer(7));
    assert_ne!(answer(7), answer(8));
}

#[test]
fn several_answers_and_how_probable_they_are() {
    let engine = engine();
    let sampling = Sampling::builder().seed(7).build().unwrap();
    let ask = || {
        Ask::new("Tell me a story.")
            .sampling(sampling.clone())
            .max_tokens(12)
    };
    let refused = engine.generate_iter(ask().n(2)).unwrap_err().to_string();
    assert!(refused.contains("generate_choices"), "{refused}");
    let answers = |n| {
        engine
            .ask_choices(ask().n(n).logprobs(3).prompt_logprobs(0))
            .unwrap()
    };
    let three = answers(3).blocking().completions().unwrap();
    assert_eq!(
        answers(3).blocking().completions().unwrap()[1].ids,
        three[1].ids
    );
    assert_eq!(
        answers(1).blocking().completions().unwrap()[0].ids,
        three[0].ids
    );
    assert!(three[0].ids != three[1].ids && three[1].ids != three[2].ids);
    for answer in &three {
        assert_eq!(answer.logprobs.len(), answer.ids.len());
        let of_prompt = answer.prompt_logprobs.as_ref().unwrap();
        assert_eq!(of_prompt.len(), answer.usage.prompt_tokens - 1);
        assert_eq!(*of_prompt, *three[0].prompt_logprobs.as_ref().unwrap());
        for (logprobs, &id) in answer.logprobs.iter().zip(&answer.ids) {
            assert_eq!(logprobs.token.id, Some(id));
            let sum: f32 = logprobs.top.iter().map(|top| top.logprob.exp()).sum();
            assert!(logprobs.top.len() == 3 && sum <= 1.0001, "{logprobs:?}");
        }
    }
}

/// What the model said, given back to it as a prompt, is as probable as it was.
#[test]
fn an_answer_is_as_probable_in_a_prompt() {
    let engine = engine();
    let complete = |request: stream_engine::core::RequestBuilder| {
        let request = request.greedy().max_tokens(16).build().unwrap();
        engine
            .generate(request)
            .unwrap()
            .blocking()
            .completion()
            .unwrap()
    };
    let prompt = [504, 3575, 282, 4649, 314];
    let answer = complete(Request::tokens(prompt).logprobs(2));
    let both = [&prompt[..], &answer.ids].concat();
    let scored = complete(Request::tokens(both).prompt_logprobs(2))
        .prompt_logprobs
        .unwrap();
    assert_eq!(scored[prompt.len() - 1..], answer.logprobs);
}

#[test]
fn a_stop_string_ends_the_answer_and_does_not_leak() {
    let engine = engine();
    let whole = engine
        .generate_iter("Count from one to ten.")
        .unwrap()
        .completion()
        .unwrap();
    let middle = whole
        .text
        .char_indices()
        .nth(whole.text.chars().count() / 2)
        .unwrap()
        .0;
    let stop: String = whole.text[middle..].chars().take(6).collect();
    let before = whole.text.split(&stop).next().unwrap();
    let ask =
        Ask::new("Count from one to ten.").stop(Stop::builder().string(&stop).build().unwrap());
    let cut = engine.generate_iter(ask).unwrap().completion().unwrap();
    assert_eq!(cut.text, before);
    assert_eq!(cut.reason, FinishReason::StopString(stop));
    assert!(cut.ids.len() < whole.ids.len() && whole.ids.starts_with(&cut.ids));
}

#[test]
fn a_callback_and_a_drop_both_free_the_work() {
    let engine = engine();
    let long = || Ask::new("Write a long story.").max_tokens(2_000);
    let end = engine.generate_with_callback(long(), |token| match token.index {
        0..5 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert_eq!(end.unwrap().outcome, Ok(FinishReason::Cancelled));
    drop(engine.generate_iter(long()).unwrap());
    let stats = || engine.stats().unwrap();
    while stats().running + stats().waiting + stats().kv_blocks_used > 0 {
        std::thread::yield_now();
    }
    assert!(stats().completion_tokens < 1_000, "{:?}", stats());
}

#[test]
fn a_paused_reader_loses_nothing() {
    let engine = engine();
    let request = || {
        Request::user("Say hello to everyone.")
            .greedy()
            .max_tokens(20)
    };
    let plain = engine
        .generate(request().build().unwrap())
        .unwrap()
        .blocking()
        .completion();
    let paused = request()
        .buffer(1)
        .slow_reader(SlowReader::Pause)
        .build()
        .unwrap();
    let mut stream = engine.generate(paused).unwrap().blocking();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(stream.completion().unwrap().ids, plain.unwrap().ids);
}

#[test]
fn what_the_model_cannot_take_is_refused_with_numbers() {
    let engine = engine();
    let error = engine
        .generate_iter(Ask::new("long ".repeat(9_000)))
        .unwrap_err();
    let EngineError::Rejected(Rejection::ContextLengthExceeded {
        prompt_tokens,
        context_length,
        ..
    }) = error
    else {
        panic!("{error}")
    };
    assert!(prompt_tokens > 9_000 && context_length == 8_192);
    let request = Request::tokens([1, 49_152]).build().unwrap();
    assert!(
        engine.generate(request).is_err(),
        "an id outside the vocabulary"
    );
}

/// A prompt of some hundred tokens takes far longer than a millisecond.
#[test]
fn a_step_that_takes_too_long_ends_its_stream_and_no_more() {
    let limit = Duration::from_millis(1);
    let engine = |limit| StreamingEngine::new(StreamingConfig::default().step_timeout(limit));
    let hasty = engine(limit);
    let ask = || Ask::new("again and ".repeat(200)).max_tokens(2);
    let mut stream = hasty.generate_iter(ask()).unwrap();
    assert_eq!(stream.next(), Some(Err(Error::Hung { limit })));
    let backend = hasty.backend().unwrap();
    while block_on(backend.health()) != Health::Ready {
        std::thread::yield_now();
    }
    let patient = engine(Duration::MAX);
    let mut stream = patient.generate_iter(ask()).unwrap();
    assert_eq!(stream.completion().unwrap().ids.len(), 2);
}

#[test]
fn after_shutdown_nothing_is_accepted_and_nothing_runs() {
    let engine = engine();
    let mut running = engine
        .generate_iter(Ask::new("Write a long story.").max_tokens(2_000))
        .unwrap();
    let drained = engine.shutdown_blocking(Duration::ZERO);
    assert_eq!((drained.finished, drained.aborted), (0, 1));
    assert!(running.by_ref().last().is_some_and(|last| last.is_err()));
    assert!(matches!(
        engine.generate_iter("x"),
        Err(EngineError::ShutDown)
    ));
    assert!(!engine.is_available());
}
