//! What the loop, the text and the stream cost: tokens a second from a model that costs nothing
//! to readers, for one stream and for many.
//!
//! ```text
//! cargo bench -p stream-benches --bench overhead [-- "1000 streams"]
//! ```
//!
//! The engine is the real one, with its two threads. Every stream is open before the clock
//! starts, which runs until every reader has seen the end of its stream. A buffer holds 64
//! records; under `pause` each token is a record of its own, under `coalesce` a reader that lags
//! finds several tokens in one. The baseline is one thread that sends as many messages, each an
//! id with its text, round robin through as many bounded channels of tokio.
//!
//! After criterion's figures stands a table for all of them: wakes of a reader, sleeps of a
//! thread and nanoseconds of processor time, each for a token.

use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, mpsc};
use std::thread::Builder as Thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use futures::stream::poll_fn;
use stream_benches::free::{FreeModel, Words};
use stream_benches::readers::{Read, Readers, THREAD};
use stream_benches::table;
use stream_benches::threads::Costs;
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{BackendExt, Error, Request, SlowReader, StreamToken, TokenStream, Tokenizer};
use stream_runtime::Engine;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::channel;

/// Streams at once, and the tokens of each.
const SHAPES: [Shape; 4] = [(1, 20_000), (64, 4_000), (1_000, 500), (10_000, 50)];
/// More streams than this are not given a thread each.
const MOST_THREADS: usize = 64;
/// Records that a stream, and messages that a channel of the baseline, holds.
const BUFFER: usize = 64;
const CORES: usize = 2;
/// The name of the baseline's sending thread.
const SENDER: &str = "sender";
/// Tokens of each prompt.
const PROMPT: usize = 2;

type Shape = (usize, usize);
type Rows = Vec<Vec<String>>;

fn main() {
    let path = default_model::path().expect("the model's place is known");
    let checkpoint = Checkpoint::open(path).expect("the default model lies in its place");
    let words: Arc<dyn Tokenizer> = Arc::new(Words::default());
    let (mut criterion, mut rows) = (Criterion::default().configure_from_args(), Rows::new());
    for shape in SHAPES {
        let mut bench = Bench {
            criterion: &mut criterion,
            rows: &mut rows,
            shape,
        };
        bench.engine("a task each", in_tasks, SlowReader::Pause, &words);
        bench.engine(
            "a task each, coalesce",
            in_tasks,
            SlowReader::Coalesce,
            &words,
        );
        bench.engine("one thread", on_one_thread, SlowReader::Pause, &words);
        if shape.0 <= MOST_THREADS {
            bench.engine("a thread each", on_threads, SlowReader::Pause, &words);
        }
        let smollm2: Arc<dyn Tokenizer> = checkpoint.tokenizer().clone();
        bench.engine(
            "a task each, SmolLM2's words",
            in_tasks,
            SlowReader::Pause,
            &smollm2,
        );
        bench.measure("tokio's channels, a task each", || channels(shape));
    }
    criterion.final_summary();
    println!("\n{}", table(&HEADER, &rows));
}

/// Starts readers of all streams.
type Start = fn(Vec<TokenStream>) -> Readers;

fn in_tasks(streams: Vec<TokenStream>) -> Readers {
    Readers::tasks(runtime(), streams, tokens)
}

fn on_one_thread(streams: Vec<TokenStream>) -> Readers {
    Readers::one_thread(streams, tokens)
}

fn on_threads(streams: Vec<TokenStream>) -> Readers {
    Readers::threads(streams, tokens)
}

fn tokens(item: Result<StreamToken, Error>) -> usize {
    item.expect("the engine makes no errors").tokens
}

/// The runtime that readers' tasks run on.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(CORES).thread_name(THREAD).build();
        runtime.expect("there are threads")
    });
    &RUNTIME
}

/// An engine whose model waits until it may begin.
struct GatedEngine {
    engine: Engine,
    gate: Arc<Gate>,
    shape: Shape,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    bell: Condvar,
}

impl Gate {
    fn pass(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_while(open, |open| !*open));
    }

    fn set(&self, open: bool) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
        self.bell.notify_all();
    }
}

impl GatedEngine {
    fn start(shape: Shape, tokenizer: &Arc<dyn Tokenizer>) -> Self {
        let gate = Arc::new(Gate::default());
        let (of_model, vocabulary) = (gate.clone(), tokenizer.vocabulary_size());
        let wait = move || of_model.pass();
        let model = FreeModel::new(shape.0, PROMPT + shape.1, vocabulary, wait);
        let engine = model.start(tokenizer.clone()).expect("there are threads");
        Self {
            engine,
            gate,
            shape,
        }
    }

    fn round(&self, start: Start, policy: SlowReader) -> Round {
        self.gate.set(false);
        let streams = (0..self.shape.0).map(|_| self.open(policy));
        let readers = start(streams.collect());
        Round::time(|| {
            self.gate.set(true);
            readers.wait()
        })
    }

    fn open(&self, policy: SlowReader) -> TokenStream {
        let request = Request::tokens([1; PROMPT])
            .max_tokens(self.shape.1)
            .buffer(BUFFER)
            .slow_reader(policy)
            .build();
        let request = request.expect("the request is good");
        self.engine.generate(request).expect("there is room for it")
    }
}

/// The baseline: messages with as much in them, without an engine.
fn channels((streams, tokens): Shape) -> Round {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..streams).map(|_| channel(BUFFER)).unzip();
    let streams = receivers
        .into_iter()
        .map(|mut receiver| poll_fn(move |cx| receiver.poll_recv(cx)));
    let readers = Readers::tasks(runtime(), streams, |_: (usize, String)| 1);
    let (begin, begun) = mpsc::channel::<()>();
    let send = move || {
        begun.recv().expect("the round begins");
        for id in 0..tokens {
            for sender in &senders {
                let sent = sender.blocking_send((id, format!(" w{id}")));
                sent.expect("every reader reads to the end");
            }
        }
        drop(senders);
        // Stays until its cost is known.
        begun.recv().is_ok()
    };
    let sender = Thread::new().name(SENDER.into()).spawn(send);
    sender.expect("there are threads");
    Round::time(|| {
        begin.send(()).expect("the sender waits");
        readers.wait()
    })
}

/// One run of all streams to their ends.
struct Round {
    time: Duration,
    read: Read,
    costs: Costs,
}

impl Round {
    /// Runs the clock while `work` does.
    fn time(work: impl FnOnce() -> Read) -> Self {
        let (before, start) = (Costs::now(), Instant::now());
        let read = work();
        let time = start.elapsed();
        let mut costs = Costs::default();
        costs.add_between(&before, &Costs::now());
        Self { time, read, costs }
    }

    fn add(&mut self, other: &Self) {
        self.time += other.time;
        self.read.add(other.read);
        self.costs.add_between(&Costs::default(), &other.costs);
    }
}

/// The measurements of one shape.
struct Bench<'a> {
    criterion: &'a mut Criterion,
    rows: &'a mut Rows,
    shape: Shape,
}

impl Bench<'_> {
    fn engine(
        &mut self,
        name: &str,
        start: Start,
        policy: SlowReader,
        tokenizer: &Arc<dyn Tokenizer>,
    ) {
        let engine = GatedEngine::start(self.shape, tokenizer);
        self.measure(name, || engine.round(start, policy));
    }

    fn measure(&mut self, name: &str, mut round: impl FnMut() -> Round) {
        let (streams, tokens) = self.shape;
        let mut sum: Option<Round> = None;
        let mut group = self.criterion.benchmark_group(format!("{streams} streams"));
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2))
            .throughput(Throughput::Elements((streams * tokens) as u64));
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let mut time = Duration::ZERO;
                for _ in 0..rounds {
                    let round = round();
                    time += round.time;
                    match &mut sum {
                        Some(sum) => sum.add(&round),
                        none => *none = Some(round),
                    }
                }
                time
            });
        });
        self.rows.extend(sum.map(|sum| row(streams, name, &sum)));
    }
}

const HEADER: [&str; 11] = [
    "streams",
    "readers",
    "million tokens a second",
    "ns a token",
    "CPU ns a token",
    "model",
    "text",
    "readers",
    "tokens an item",
    "wakes a token",
    "sleeps a token",
];

/// What all rounds of a measurement come to, for each token.
fn row(streams: usize, name: &str, round: &Round) -> Vec<String> {
    let tokens = round.read.tokens as f64;
    let share = |nanoseconds: u64| format!("{:.0}", nanoseconds as f64 / tokens);
    let rate = tokens / round.time.as_secs_f64() / 1e6;
    let of = |thread| share(round.costs.of(thread).nanoseconds);
    vec![
        streams.to_string(),
        name.to_owned(),
        format!("{rate:.2}"),
        share(round.time.as_nanos() as u64),
        share(round.costs.total().nanoseconds),
        of("stream-model"),
        of("stream-text"),
        of(THREAD),
        format!("{:.2}", tokens / round.read.items as f64),
        format!("{:.2}", round.read.wakes as f64 / tokens),
        format!("{:.3}", round.costs.total().sleeps as f64 / tokens),
    ]
}
