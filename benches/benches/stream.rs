//! The stream alone, from its sink to its reader, beside tokio's bounded channel.
//!
//! ```text
//! cargo bench -p stream-benches --bench stream
//! ```
//!
//! First both ends on one thread, without a wake: what a record costs. Then one thread that sends
//! to 1, 100 and 10,000 streams in turns, each read by a task of its own. A record carries an id
//! and its text; ours also has the instants, the end, the deadlines and the log of ids. The
//! whole loop is measured by `overhead`.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::spawn;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::Stream;
use futures::executor::block_on;
use futures::stream::poll_fn;
use stream_benches::readers::Readers;
use stream_core::{
    FinishReason, Request, SlowReader, StreamToken, Token, TokenSink, TokenStream, channel,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc as theirs;

/// Tokens of the stream on one thread.
const TOKENS: usize = 1_000;
/// Streams at once, and the tokens of each.
const SHAPES: [(usize, usize); 3] = [(1, 50_000), (100, 1_000), (10_000, 20)];
/// Records that wait at most.
const BUFFER: usize = 64;
const TEXT: &str = " word";

fn ours(tokens: usize, policy: SlowReader) -> (TokenSink, TokenStream) {
    let request = Request::tokens([1])
        .max_tokens(tokens)
        .buffer(BUFFER)
        .slow_reader(policy)
        .build();
    channel(&request.expect("the request is good"))
}

fn ours_on_one_thread() -> usize {
    let (sink, stream) = ours(TOKENS, SlowReader::Pause);
    let (mut stream, mut cx) = (pin!(stream), Context::from_waker(Waker::noop()));
    let mut bytes = 0;
    for id in 0..TOKENS as u32 {
        let permit = sink.try_reserve().expect("there is room");
        permit.send(Token::new(id, TEXT));
        if let Poll::Ready(Some(Ok(token))) = stream.as_mut().poll_next(&mut cx) {
            bytes += token.text.len();
        }
    }
    sink.finish(FinishReason::Length);
    bytes
}

fn tokio_on_one_thread() -> usize {
    let (sender, mut receiver) = theirs::channel(BUFFER);
    let mut bytes = 0;
    for id in 0..TOKENS {
        sender
            .try_send((id, TEXT.to_owned()))
            .expect("there is room");
        if let Ok((_, text)) = receiver.try_recv() {
            bytes += text.len();
        }
    }
    bytes
}

fn std_on_one_thread() -> usize {
    let (sender, receiver) = mpsc::sync_channel(BUFFER);
    let mut bytes = 0;
    for id in 0..TOKENS {
        sender
            .try_send((id, TEXT.to_owned()))
            .expect("there is room");
        if let Ok((_, text)) = receiver.try_recv() {
            bytes += text.len();
        }
    }
    bytes
}

fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a record, one thread");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for (name, run) in [
        ("ours", ours_on_one_thread as fn() -> usize),
        ("tokio mpsc", tokio_on_one_thread),
        ("std sync_channel", std_on_one_thread),
    ] {
        assert_eq!(run(), TOKENS * TEXT.len());
        group.bench_function(name, |b| b.iter(run));
    }
}

/// Sends to all in turns from a thread of its own, and waits until every reader is done.
fn round<S, K>(
    runtime: &Runtime,
    ends: impl Iterator<Item = (K, S)>,
    tokens_of: fn(S::Item) -> usize,
    (streams, tokens): (usize, usize),
    send: fn(&K, usize),
    finish: fn(K),
) -> Duration
where
    S: Stream + Unpin + Send + 'static,
    K: Send + 'static,
{
    let (sinks, sources): (Vec<_>, Vec<_>) = ends.take(streams).unzip();
    let readers = Readers::tasks(runtime, sources, tokens_of);
    let start = Instant::now();
    let sender = spawn(move || {
        (0..tokens).for_each(|id| sinks.iter().for_each(|sink| send(sink, id)));
        sinks.into_iter().for_each(finish);
    });
    let read = readers.wait();
    let time = start.elapsed();
    sender.join().expect("it sent everything");
    assert_eq!(read.tokens, streams * tokens);
    time
}

fn our_round(runtime: &Runtime, shape: (usize, usize), policy: SlowReader) -> Duration {
    let tokens_of = |item: Result<StreamToken, _>| item.expect("nothing fails").tokens;
    let ends = std::iter::repeat_with(|| ours(shape.1, policy));
    let send = |sink: &TokenSink, id: usize| {
        let sent = block_on(sink.send(Token::new(id as u32, TEXT)));
        sent.expect("every reader reads to the end");
    };
    round(runtime, ends, tokens_of, shape, send, |sink| {
        sink.finish(FinishReason::Length);
    })
}

fn tokio_round(runtime: &Runtime, shape: (usize, usize)) -> Duration {
    let ends = std::iter::repeat_with(|| {
        let (sender, mut receiver) = theirs::channel(BUFFER);
        (sender, poll_fn(move |cx| receiver.poll_recv(cx)))
    });
    let send = |sender: &theirs::Sender<_>, id| {
        let sent = sender.blocking_send((id, TEXT.to_owned()));
        sent.expect("every reader reads to the end");
    };
    round(runtime, ends, |_: (usize, String)| 1, shape, send, drop)
}

fn many(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("there are threads");
    let mut group = criterion.benchmark_group("streams");
    for shape in SHAPES {
        group.throughput(Throughput::Elements((shape.0 * shape.1) as u64));
        let mut bench = |name, round: &dyn Fn() -> Duration| {
            group.bench_function(BenchmarkId::new(name, shape.0), |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| round()).sum());
            });
        };
        bench("ours, pause", &|| {
            our_round(&runtime, shape, SlowReader::Pause)
        });
        bench("ours, coalesce", &|| {
            our_round(&runtime, shape, SlowReader::Coalesce)
        });
        bench("tokio mpsc", &|| tokio_round(&runtime, shape));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = one_thread, many
}
criterion_main!(benches);
