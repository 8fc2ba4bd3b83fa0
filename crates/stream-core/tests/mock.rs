//! The mock backend, as the reader of a stream sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, CompleteError, Error, FinishReason, Health, Message, Mock, Rejection,
    Request, Sampling, SlowReader, Stop,
};

fn mock() -> Mock {
    Mock::new(["a", "b", "c"]).with_prompt_tokens(4)
}

#[test]
fn it_answers_with_its_script() {
    let done = block_on(mock().complete(Request::user("hi").build().unwrap())).unwrap();
    assert_eq!(done.text, "abc");
    assert_eq!(done.reason, FinishReason::EndOfSequence);
    assert_eq!(done.usage.prompt_tokens, 4);
}

#[test]
fn max_tokens_is_exact() {
    for (max, text, reason) in [
        (2, "ab", FinishReason::Length),
        (3, "abc", FinishReason::Length),
        (4, "abc", FinishReason::EndOfSequence),
    ] {
        let request = Request::raw("x").max_tokens(max).build().unwrap();
        let done = block_on(mock().complete(request)).unwrap();
        assert_eq!((done.text.as_str(), done.reason), (text, reason));
    }
}

#[test]
fn what_it_cannot_honour_it_rejects_by_name() {
    let stop = Stop::builder().string("b").build().unwrap();
    let request = Request::raw("x").stop(stop).build().unwrap();
    let id = request.id();
    let rejected = mock().generate(request).unwrap_err();
    assert_eq!(
        rejected.to_string(),
        "the backend `mock` does not support `stop`"
    );
    assert_eq!(rejected.into_request().id(), id, "the request comes back");
    let sampling = Sampling::builder()
        .temperature(0.3)
        .seed(1)
        .build()
        .unwrap();
    let request = Request::chat([Message::user("x")]).sampling(sampling);
    assert!(mock().generate(request.build().unwrap()).is_ok());
}

#[test]
fn it_works_behind_pointers() {
    let boxed: Box<dyn Backend> = Box::new(mock());
    let shared: Arc<dyn Backend> = Arc::new(boxed);
    let done = block_on(shared.complete(Request::raw("x").build().unwrap())).unwrap();
    assert_eq!(done.text, "abc");
}

#[test]
fn draining_ends_every_stream_and_admits_none() {
    let mock = Mock::new(vec!["x"; 1_000]);
    let pause = |r: stream_core::RequestBuilder| r.buffer(1).slow_reader(SlowReader::Pause);
    let stuck = mock
        .generate(pause(Request::raw("x")).build().unwrap())
        .unwrap();
    let drained = block_on(mock.drain(Instant::now() + Duration::from_millis(5)));
    assert_eq!((drained.finished, drained.aborted), (0, 1));
    assert_eq!(block_on(stuck.collect()).unwrap_err(), Error::ShutDown);
    assert_eq!(block_on(mock.health()), Health::Draining);
    let late = block_on(mock.complete(Request::raw("x").build().unwrap())).unwrap_err();
    let CompleteError::Rejected(late) = late else {
        panic!("{late}")
    };
    assert_eq!(late.reason, Rejection::ShuttingDown);
}

#[test]
fn a_dropped_stream_frees_its_place() {
    let mock = Mock::new(vec!["x"; 1_000]);
    let request = Request::raw("x").buffer(1).slow_reader(SlowReader::Pause);
    drop(mock.generate(request.build().unwrap()).unwrap());
    while mock.running() > 0 {
        std::thread::yield_now();
    }
}
