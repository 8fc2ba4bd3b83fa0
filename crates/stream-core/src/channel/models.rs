//! The hand-over between the two ends of a stream, in every order that threads can give it.
//!
//! loom runs each model once for every order of its threads' steps, up to a number of preemptions
//! that is known to find nearly all faults. A wake that is lost shows as a deadlock. Run them with
//! `cargo xtask loom`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::StreamExt;
use loom::future::block_on;
use loom::thread::{self, JoinHandle};

use super::shared::Shared;
use super::{Gate, ReserveError, Token, TokenSink, TokenStream};
use crate::{
    DeadlineKind, Deadlines, End, Error, Finish, FinishReason, Request, SlowReader, StreamToken,
};

const LIMIT: Duration = Duration::from_secs(60);

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}

/// Both ends of a stream whose time is over in a minute. No timer watches it: the models have
/// threads that do what the timer does.
fn pair(buffer: usize, slow: SlowReader) -> (TokenSink, TokenStream, Arc<Shared>) {
    let request = Request::raw("x").buffer(buffer).slow_reader(slow);
    let deadlines = Deadlines {
        total: Some(LIMIT),
        ..Deadlines::default()
    };
    let delivery = *request.build().unwrap().delivery();
    let shared = Arc::new(Shared::new(delivery, deadlines, Instant::now()));
    let (sink, stream) = (shared.clone(), shared.clone());
    (TokenSink::new(sink), TokenStream::new(stream), shared)
}

fn paused() -> (TokenSink, TokenStream, Arc<Shared>) {
    pair(1, SlowReader::Pause)
}

/// What the timer does when the time of a stream is over.
fn deadline(shared: Arc<Shared>) -> JoinHandle<()> {
    thread::spawn(move || assert_eq!(shared.check(Instant::now() + 2 * LIMIT), None))
}

fn token(id: u32) -> Token {
    Token::new(id, format!("<{id}>"))
}

/// Writes tokens as a remote backend does, until nobody wants more.
fn write(sink: &TokenSink, tokens: u32) -> Result<(), ReserveError> {
    (0..tokens).try_for_each(|id| block_on(sink.send(token(id))))
}

/// Reads to the end, checks what every stream promises, and gives the end.
fn read(stream: &mut TokenStream) -> End {
    let records: Vec<StreamToken> =
        block_on(stream.by_ref().filter_map(async |item| item.ok()).collect());
    let ids: Vec<u32> = records.iter().flat_map(StreamToken::ids).collect();
    assert!(ids.iter().copied().eq(0..ids.len() as u32), "{ids:?}");
    let text: String = records.into_iter().map(|record| record.text).collect();
    assert_eq!((text.as_str(), &ids[..]), (stream.text(), stream.ids()));
    let end = stream.end().cloned().expect("a stream that has been read");
    assert_eq!(end.usage.completion_tokens, ids.len());
    end
}

fn poll_once(stream: &mut TokenStream) -> Poll<Option<Result<StreamToken, Error>>> {
    stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn of_many_ends_one_stands() {
    check(|| {
        let (sink, mut stream, shared) = paused();
        let abort = stream.abort_handle();
        sink.try_reserve().unwrap().send(Token {
            held: "b".into(),
            ..Token::new(0, "a")
        });
        let late = deadline(shared.clone());
        let aborts = thread::spawn(move || abort.abort());
        sink.finish(Finish {
            reason: FinishReason::Length,
            held_text: "c".into(),
        });
        let end = read(&mut stream);
        let text = match &end.outcome {
            Ok(FinishReason::Length) => "ac",
            Ok(FinishReason::Cancelled) => "ab",
            Err(Error::Deadline { kind, .. }) if *kind == DeadlineKind::Total => "ab",
            other => panic!("{other:?}"),
        };
        assert_eq!(stream.text(), text);
        late.join().unwrap();
        aborts.join().unwrap();
        assert_eq!(shared.lock().end, Some(end));
    });
}

#[test]
fn a_reader_is_woken_by_every_token_and_by_the_end() {
    for slow in [SlowReader::Pause, SlowReader::Coalesce] {
        check(move || {
            let (sink, mut stream, _) = pair(1, slow);
            let writer = thread::spawn(move || {
                write(&sink, 2).unwrap();
                sink.finish(FinishReason::Length);
            });
            let end = read(&mut stream);
            assert_eq!(end.outcome, Ok(FinishReason::Length));
            assert_eq!(stream.ids(), [0, 1]);
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_reader_is_woken_when_its_sink_is_dropped() {
    check(|| {
        let (sink, mut stream, _) = paused();
        let writer = thread::spawn(move || write(&sink, 1).unwrap());
        assert_eq!(read(&mut stream).outcome, Err(Error::Abandoned));
        assert_eq!(stream.ids(), [0]);
        writer.join().unwrap();
    });
}

#[test]
fn a_reader_is_woken_by_a_deadline_and_by_an_abort() {
    check(|| {
        let (sink, mut stream, shared) = paused();
        let abort = stream.abort_handle();
        let late = deadline(shared);
        let aborts = thread::spawn(move || abort.abort());
        assert_ne!(read(&mut stream).outcome, Err(Error::Abandoned));
        assert!(sink.is_cancelled());
        late.join().unwrap();
        aborts.join().unwrap();
    });
}

#[test]
fn a_writer_is_woken_when_its_reader_goes_away() {
    check(|| {
        let (sink, mut stream, _) = paused();
        let writer = thread::spawn(move || {
            assert_eq!(write(&sink, 3), Err(ReserveError::Closed));
            assert!(sink.is_cancelled());
        });
        let first = block_on(stream.next()).unwrap().unwrap();
        assert_eq!(first.id, Some(0));
        drop(stream);
        writer.join().unwrap();
    });
}

#[test]
fn a_writer_is_woken_by_the_deadline_of_a_reader_that_stalls() {
    check(|| {
        let (sink, mut stream, shared) = paused();
        let late = deadline(shared);
        assert_eq!(write(&sink, 2), Err(ReserveError::Closed));
        late.join().unwrap();
        assert!(matches!(
            read(&mut stream).outcome,
            Err(Error::Deadline { .. })
        ));
    });
}

/// Waits for room as the runtime does: it leaves its waker once and asks again when woken.
fn room(gate: &Gate) -> Result<(), ReserveError> {
    let mut watched = false;
    block_on(poll_fn(|cx| {
        if !std::mem::replace(&mut watched, true) {
            gate.watch(cx.waker());
        }
        match gate.try_reserve() {
            Err(ReserveError::Full) => Poll::Pending,
            other => Poll::Ready(other.map(|permit| permit.send(token(1)))),
        }
    }))
}

#[test]
fn an_engine_that_watches_is_woken_by_room() {
    check(|| {
        let (sink, mut stream, _) = paused();
        sink.try_reserve().unwrap().send(token(0));
        let gate = sink.gate();
        let engine = thread::spawn(move || room(&gate).unwrap());
        let first = block_on(stream.next()).unwrap().unwrap();
        let second = block_on(stream.next()).unwrap().unwrap();
        assert_eq!((first.id, second.id), (Some(0), Some(1)));
        engine.join().unwrap();
    });
}

#[test]
fn a_permit_given_back_makes_room() {
    check(|| {
        let (sink, stream, _) = paused();
        let permit = sink.try_reserve().unwrap();
        let gate = sink.gate();
        let engine = thread::spawn(move || room(&gate).unwrap());
        drop(permit);
        engine.join().unwrap();
        assert_eq!(stream.usage().completion_tokens, 1);
    });
}

#[test]
fn a_permit_given_back_meets_the_end() {
    check(|| {
        let (sink, stream, shared) = paused();
        let permit = sink.try_reserve().unwrap();
        let gate = sink.gate();
        let engine = thread::spawn(move || room(&gate));
        let reader = thread::spawn(move || drop(stream));
        drop(permit);
        let sent = engine.join().unwrap().is_ok();
        reader.join().unwrap();
        let end = shared.lock().end.clone().unwrap();
        assert_eq!(end.outcome, Ok(FinishReason::Cancelled));
        assert!(end.usage.completion_tokens <= usize::from(sent));
    });
}

#[test]
fn nothing_that_is_sent_after_the_end_is_seen() {
    check(|| {
        let (sink, mut stream, _) = paused();
        let permit = sink.try_reserve().unwrap();
        let abort = stream.abort_handle();
        let aborts = thread::spawn(move || abort.abort());
        permit.send(token(0));
        let end = read(&mut stream);
        assert_eq!(end.outcome, Ok(FinishReason::Cancelled));
        aborts.join().unwrap();
        assert!(matches!(poll_once(&mut stream), Poll::Ready(None)));
    });
}

#[test]
fn who_sees_a_stream_as_ended_need_not_wait_for_its_end() {
    check(|| {
        let (sink, mut stream, _) = paused();
        let gate = sink.gate();
        let writer = thread::spawn(move || {
            write(&sink, 1).unwrap();
            sink.finish(FinishReason::Length);
        });
        if gate.is_closed() {
            assert_eq!(gate.try_reserve().unwrap_err(), ReserveError::Closed);
            assert!(matches!(poll_once(&mut stream), Poll::Ready(Some(Ok(_)))));
            assert!(matches!(poll_once(&mut stream), Poll::Ready(None)));
        }
        writer.join().unwrap();
    });
}
