//! What the channel promises, read in every way.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;

use super::*;
use crate::{
    DeadlineKind, Deadlines, Error, Finish, FinishReason, RequestBuilder, SlowReader, Usage,
};

fn pair(set: impl FnOnce(RequestBuilder) -> RequestBuilder) -> (TokenSink, TokenStream) {
    channel(&set(Request::raw("x")).build().unwrap())
}

fn plain() -> (TokenSink, TokenStream) {
    pair(|request| request)
}

fn send(sink: &TokenSink, id: u32, text: &str) {
    sink.try_reserve().unwrap().send(Token::new(id, text));
}

/// A stream with `n` tokens waiting and its end set.
fn finished(n: u32) -> TokenStream {
    let (sink, stream) = plain();
    (0..n).for_each(|id| send(&sink, id, &format!("<{id}>")));
    sink.finish(FinishReason::EndOfSequence);
    stream
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn every_way_of_reading_gives_the_same() {
    let text = "<0><1><2>";
    let mut callback = String::new();
    let end = block_on(finished(3).for_each(|token| callback.push_str(&token.text))).unwrap();
    assert_eq!(end.outcome, Ok(FinishReason::EndOfSequence));
    let iterated: String = finished(3).into_iter().map(|t| t.unwrap().text).collect();
    let streamed: String = block_on(finished(3).map(|t| t.unwrap().text).collect());
    let chunked: String = finished(3)
        .blocking()
        .chunks(2)
        .map(|c| c.unwrap().text)
        .collect();
    let collected = block_on(finished(3).collect()).unwrap();
    assert_eq!(
        [&callback, &iterated, &streamed, &chunked, &collected.text],
        [text; 5]
    );
    assert_eq!(collected.ids, [0, 1, 2]);
    assert_eq!(collected.usage.completion_tokens, 3);
}

#[test]
fn chunks_hold_what_they_should() {
    let sizes: Vec<_> = finished(5)
        .blocking()
        .chunks(2)
        .map(|c| c.unwrap().tokens)
        .collect();
    assert_eq!(sizes, [2, 2, 1]);
    let mut stream = finished(3);
    let chunk = block_on(stream.next_chunk(0)).unwrap().unwrap();
    assert_eq!((chunk.text.as_str(), chunk.span), ("<0>", 0..3));
    let chunk = block_on(stream.next_chunk(9)).unwrap().unwrap();
    assert_eq!((chunk.ids, chunk.span), (vec![1, 2], 3..9));
    assert!(block_on(stream.next_chunk(1)).is_none());
}

#[test]
fn an_error_comes_after_the_tokens_before_it_and_once() {
    let (sink, mut stream) = plain();
    send(&sink, 7, "a");
    sink.fail(Error::Engine("broken".into()));
    let chunk = block_on(stream.next_chunk(5)).unwrap().unwrap();
    assert_eq!(chunk.text, "a");
    let failed = Some(Err(Error::Engine("broken".into())));
    assert_eq!(block_on(stream.next_chunk(5)), failed);
    assert_eq!(block_on(stream.next_chunk(5)), None);
    assert!(block_on(stream.next()).is_none());
    assert_eq!(stream.text(), "a");
    assert_eq!(stream.end().unwrap().usage.completion_tokens, 1);
    assert!(block_on(stream.collect()).is_err());
}

#[test]
fn a_dropped_sink_abandons_its_stream() {
    let (sink, stream) = plain();
    drop(sink);
    assert_eq!(block_on(stream.collect()).unwrap_err(), Error::Abandoned);
}

#[test]
fn the_first_end_wins() {
    let (sink, stream) = plain();
    stream.abort();
    stream.abort();
    assert!(sink.is_cancelled());
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Closed);
    sink.finish(FinishReason::Length);
    let end = stream.blocking().for_each_token(|_| ()).unwrap();
    assert_eq!(end.outcome, Ok(FinishReason::Cancelled));
}

#[test]
fn dropping_the_stream_cancels_and_wakes_the_engine() {
    let (sink, stream) = plain();
    let wakes = Arc::new(Wakes::default());
    sink.gate().watch(&Waker::from(wakes.clone()));
    let permit = sink.try_reserve().unwrap();
    drop(stream);
    assert!(sink.is_cancelled());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    permit.send(Token::new(1, "unseen"));
}

#[test]
fn a_callback_can_stop_the_stream() {
    let (sink, stream) = plain();
    (0..4).for_each(|id| send(&sink, id, "x"));
    let mut seen = 0;
    let end = block_on(stream.for_each(|_| {
        seen += 1;
        if seen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }));
    assert_eq!(end.unwrap().outcome, Ok(FinishReason::Cancelled));
    assert_eq!(seen, 2);
    assert!(sink.is_cancelled());
}

#[test]
fn a_full_buffer_coalesces_and_loses_nothing() {
    let (sink, mut stream) = pair(|r| r.buffer(2));
    for id in 0..5 {
        send(&sink, id, &format!("<{id}>"));
    }
    sink.finish(Finish {
        reason: FinishReason::Length,
        held_text: "!".into(),
    });
    let first = block_on(stream.next()).unwrap().unwrap();
    assert_eq!((first.index, first.text.as_str()), (0, "<0>"));
    let rest = block_on(stream.next()).unwrap().unwrap();
    assert_eq!((rest.index, rest.text.as_str()), (4, "<1><2><3><4>!"));
    assert_eq!(rest.ids().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(rest.span, 3..16);
    assert!(block_on(stream.next()).is_none());
    assert_eq!(stream.ids(), [0, 1, 2, 3, 4]);
    assert_eq!(stream.end().unwrap().usage.completion_tokens, 5);
}

#[test]
fn a_paused_writer_is_woken_by_room_and_by_the_end_alone() {
    let (sink, mut stream) = pair(|r| r.buffer(2).slow_reader(SlowReader::Pause));
    let wakes = Arc::new(Wakes::default());
    let count = || wakes.0.load(Ordering::SeqCst);
    sink.gate().watch(&Waker::from(wakes.clone()));
    send(&sink, 0, "a");
    let permit = sink.try_reserve().unwrap();
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Full);
    drop(permit);
    assert_eq!(count(), 1, "an unused permit makes room");
    send(&sink, 1, "b");
    block_on(stream.next());
    assert_eq!(count(), 1, "nobody waits");
    send(&sink, 2, "c");
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Full);
    block_on(stream.next());
    assert_eq!(count(), 2, "room");
    stream.abort();
    assert_eq!(count(), 3, "the end");
}

#[test]
fn an_echo_has_a_place_of_its_own() {
    let (sink, mut stream) = pair(|r| r.buffer(1).slow_reader(SlowReader::Pause));
    sink.echo("prompt".into());
    send(&sink, 0, "a");
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Full);
    let echo = block_on(stream.next()).unwrap().unwrap();
    assert_eq!((echo.text.as_str(), echo.tokens), ("prompt", 0));
    assert!(echo.times.scheduled <= echo.times.sampled);
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Full);
    assert_eq!(block_on(stream.next()).unwrap().unwrap().span, 6..7);
    send(&sink, 1, "b");
}

#[test]
fn every_record_has_its_own_text_however_the_two_ends_alternate() {
    let (sink, mut stream) = plain();
    let (mut sent, mut read, mut bytes) = (0, 0, 0);
    for turn in 0..60 {
        for _ in 0..turn % 7 {
            send(&sink, sent, &"é".repeat(sent as usize % 4));
            sent += 1;
        }
        for _ in 0..(turn % 5).min(sent - read) {
            let record = block_on(stream.next()).unwrap().unwrap();
            assert_eq!((record.id, record.index), (Some(read), read as usize));
            assert_eq!(record.text, "é".repeat(read as usize % 4));
            assert_eq!(record.span, bytes..bytes + record.text.len());
            bytes = record.span.end;
            read += 1;
        }
    }
    assert!(sent > read && read > 100);
}

#[test]
fn held_text_travels_with_the_end() {
    let (sink, mut stream) = plain();
    send(&sink, 3, "ab");
    let held = |text: &str| Finish {
        reason: FinishReason::Length,
        held_text: text.into(),
    };
    block_on(stream.next());
    sink.finish(held("cd"));
    let last = block_on(stream.next()).unwrap().unwrap();
    assert_eq!((last.id, last.text.as_str(), last.span), (None, "cd", 2..4));
    assert!(block_on(stream.next()).is_none());
    assert_eq!(stream.text(), "abcd");
    assert_eq!(stream.usage().completion_tokens, 1);
}

#[test]
fn an_async_writer_waits_for_its_reader() {
    let (sink, stream) = pair(|r| r.buffer(1).slow_reader(SlowReader::Pause));
    let writer = async move {
        for id in 0..100 {
            sink.send(Token::new(id, "x")).await.unwrap();
        }
        sink.finish(FinishReason::EndOfSequence);
    };
    let (_, read) = block_on(futures::future::join(writer, stream.collect()));
    assert_eq!(read.unwrap().ids, (0..100).collect::<Vec<_>>());
}

#[test]
fn deadlines_end_a_stream_that_its_engine_forgot() {
    let short = Duration::from_millis(5);
    let limits = [
        (
            DeadlineKind::Queue,
            Deadlines {
                queue: Some(short),
                ..Deadlines::default()
            },
        ),
        (
            DeadlineKind::FirstToken,
            Deadlines {
                first_token: Some(short),
                ..Deadlines::default()
            },
        ),
        (
            DeadlineKind::BetweenTokens,
            Deadlines {
                between_tokens: Some(short),
                ..Deadlines::default()
            },
        ),
        (
            DeadlineKind::Total,
            Deadlines {
                total: Some(short),
                ..Deadlines::default()
            },
        ),
    ];
    for (kind, deadlines) in limits {
        let (sink, stream) = pair(|r| r.deadlines(deadlines));
        if kind == DeadlineKind::BetweenTokens {
            send(&sink, 0, "a");
        }
        let error = block_on(stream.collect()).unwrap_err();
        assert_eq!(error, Error::Deadline { kind, limit: short });
        assert!(sink.is_cancelled());
    }
}

#[test]
fn a_stalled_reader_is_given_up_when_it_asked_for_that() {
    let limit = Duration::from_millis(5);
    let (sink, mut stream) = pair(|r| r.buffer(1).slow_reader(SlowReader::Abort { after: limit }));
    send(&sink, 0, "a");
    while !sink.is_cancelled() {
        std::thread::yield_now();
    }
    assert_eq!(block_on(stream.next()).unwrap().unwrap().text, "a");
    assert_eq!(
        block_on(stream.collect()).unwrap_err(),
        Error::SlowReader { limit }
    );
}

#[test]
fn the_time_of_a_stalled_reader_is_not_the_engines() {
    let limit = Duration::from_millis(5);
    let deadlines = Deadlines {
        between_tokens: Some(limit),
        ..Deadlines::default()
    };
    let (sink, _stream) = pair(|r| {
        r.buffer(1)
            .slow_reader(SlowReader::Pause)
            .deadlines(deadlines)
    });
    send(&sink, 0, "a");
    assert_eq!(sink.try_reserve().unwrap_err(), ReserveError::Full);
    std::thread::sleep(limit * 4);
    assert!(!sink.is_cancelled());
}

#[test]
fn the_stations_of_a_token_are_in_order() {
    let (sink, mut stream) = plain();
    sink.set_prompt_tokens(5);
    sink.gate().set_cached_tokens(4);
    sink.scheduled();
    send(&sink, 0, "a");
    send(&sink, 1, "b");
    sink.finish(FinishReason::Length);
    let times = block_on(stream.next()).unwrap().unwrap().times;
    assert!(times.queued <= times.scheduled && times.scheduled <= times.sampled);
    assert!(times.sampled <= times.released);
    let done = block_on(stream.collect()).unwrap();
    let expected = Usage {
        prompt_tokens: 5,
        cached_tokens: 4,
        completion_tokens: 2,
    };
    assert_eq!(done.usage, expected);
    assert!(done.timings.tokens_per_second().is_some());
    assert!(done.timings.queue_time() <= done.timings.time_to_first_token());
}

#[test]
fn an_iterator_inside_an_async_runtime_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let refused = runtime
        .block_on(async { std::panic::catch_unwind(|| finished(1).into_iter().count()).is_err() });
    assert!(refused);
    let allowed = runtime.block_on(async {
        let work = tokio::task::spawn_blocking(|| finished(1).into_iter().count());
        work.await.unwrap()
    });
    assert_eq!(allowed, 1);
}
