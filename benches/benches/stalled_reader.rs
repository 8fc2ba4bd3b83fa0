//! What a reader that stalls does to its neighbours: the time between their tokens, beside the
//! same streams without a stall.
//!
//! ```text
//! cargo bench -p stream-benches --bench stalled_reader [-- --rounds 9]
//! ```
//!
//! Eight readers take every token at once. The ninth does too, or takes nothing, under each of
//! the policies for slow readers. It is there in every run, so that the batch is as large; under
//! `pause` and `abort` it leaves the batch once its buffer is full. A model that costs nothing
//! and is paced at a millisecond a step shows the loop alone, the default model shows the whole.
//! Runs are taken in turns; a ratio is between the runs of one round.

use std::error::Error;
use std::sync::Arc;
use std::thread::scope;
use std::time::{Duration, Instant};

use stream_benches::free::{FreeModel, Words, paced};
use stream_benches::{Series, load_average, rounds, table};
use stream_core::{
    Backend, BackendExt, Request, RequestBuilder, SlowReader, Stop, TokenStream, Tokenizer,
};
use stream_engine::StreamingConfig;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const NEIGHBOURS: usize = 8;
/// Tokens of each stream.
const TOKENS: usize = 96;
/// First tokens that are not counted: the streams begin one after the other, and the ninth reader
/// stalls when its buffer is full.
const WARM_UP: usize = 16;
const BUFFER: usize = 8;
const PACE: Duration = Duration::from_millis(1);
/// Rounds unless told otherwise.
const ROUNDS: usize = 7;

/// What the ninth reader does.
const READERS: [(&str, Ninth); 4] = [
    ("reads", Ninth::Reads),
    ("stalls, coalesce", Ninth::Stalls(SlowReader::Coalesce)),
    ("stalls, pause", Ninth::Stalls(SlowReader::Pause)),
    (
        "stalls, abort after 20 ms",
        Ninth::Stalls(SlowReader::Abort {
            after: Duration::from_millis(20),
        }),
    ),
];

type Question = fn() -> RequestBuilder;

#[derive(Clone, Copy)]
enum Ninth {
    Reads,
    Stalls(SlowReader),
}

fn main() -> Result<()> {
    let words: Arc<dyn Tokenizer> = Arc::new(Words::default());
    let vocabulary = words.vocabulary_size();
    let model = FreeModel::new(NEIGHBOURS + 1, 64 + TOKENS, vocabulary, paced(PACE));
    let free = model.start(words)?;
    let real = stream_engine::open(&StreamingConfig::default())?;
    let before = load_average();
    let mut rows = measure("paced, 1 ms a step", &free, || Request::tokens([1]))?;
    let story = || Request::raw("Tell me a story about the sea.");
    rows.extend(measure("the default model", &real, story)?);
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    let header = [
        "model",
        "ninth reader",
        "p50 ms",
        "p99 ms",
        "p50, ratio",
        "p99, ratio",
    ];
    println!("{}", table(&header, &rows));
    Ok(())
}

/// All runs with a model, in turns.
fn measure(name: &str, backend: &dyn Backend, question: Question) -> Result<Vec<Vec<String>>> {
    let mut columns: [[Series; 2]; READERS.len()] = Default::default();
    for _ in 0..rounds(ROUNDS)? {
        for ((_, ninth), [p50, p99]) in READERS.iter().zip(&mut columns) {
            let times = run(backend, question, *ninth)?;
            p50.push(times.quantile(0.5));
            p99.push(times.quantile(0.99));
        }
    }
    let row = |((reader, _), [p50, p99]): (&(&str, Ninth), &[Series; 2])| {
        let ratios = [p50.over(&columns[0][0]), p99.over(&columns[0][1])];
        let mut row = vec![name.to_owned(), (*reader).to_owned()];
        row.extend([p50, p99].map(|series| series.summary(2)));
        row.extend(ratios.map(|series| series.summary(2)));
        row
    };
    Ok(READERS.iter().zip(&columns).map(row).collect())
}

/// The times between the neighbours' tokens, in milliseconds.
fn run(backend: &dyn Backend, question: Question, ninth: Ninth) -> Result<Series> {
    let policy = match ninth {
        Ninth::Reads => SlowReader::Coalesce,
        Ninth::Stalls(policy) => policy,
    };
    let last = open(backend, question, |r| r.buffer(BUFFER).slow_reader(policy))?;
    let streams: Result<Vec<_>> = (0..NEIGHBOURS)
        .map(|_| open(backend, question, |request| request))
        .collect();
    let streams = streams?;
    let mut all = Series::default();
    scope(|scope| {
        let read = |stream| scope.spawn(move || intervals(stream));
        let readers: Vec<_> = streams.into_iter().map(read).collect();
        let last = match ninth {
            Ninth::Reads => Err(scope.spawn(move || intervals(last))),
            Ninth::Stalls(_) => Ok(last),
        };
        for reader in readers {
            all.extend(reader.join().expect("a reader meets no error"));
        }
        drop(last);
    });
    Ok(all)
}

fn open(
    backend: &dyn Backend,
    question: Question,
    set: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Result<TokenStream> {
    let stop = Stop::builder().ignore_eos().build()?;
    let request = set(question().greedy().max_tokens(TOKENS).stop(stop));
    Ok(backend.generate(request.build()?)?)
}

/// Reads a stream, and gives the times between its tokens after the first few.
fn intervals(stream: TokenStream) -> Series {
    let mut series = Series::default();
    let mut last = Instant::now();
    for (number, token) in stream.into_iter().enumerate() {
        token.expect("the engine makes no errors");
        let now = Instant::now();
        if number >= WARM_UP {
            series.push((now - last).as_secs_f64() * 1e3);
        }
        last = now;
    }
    series
}
