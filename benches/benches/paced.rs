//! How long a token takes from the model to its reader while many streams go at their own pace:
//! 1,000 streams of 50 tokens a second each.
//!
//! ```text
//! cargo bench -p stream-benches --bench paced [-- --rounds 5]
//! ```
//!
//! The model makes a token for every stream at once, 50 times a second, as an engine with
//! continuous batching does: the last reader of a step waits for all others. The time runs from
//! the end of the model's step until the reader holds the record with its text.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use futures::future::join_all;
use stream_benches::free::{FreeModel, Words, paced};
use stream_benches::threads::Costs;
use stream_benches::{Series, load_average, rounds, table};
use stream_core::{BackendExt, Request, TokenStream, Tokenizer};
use stream_runtime::Engine;
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STREAMS: usize = 1_000;
const PACE: Duration = Duration::from_millis(20);
/// Tokens of a stream in a round: five seconds.
const TOKENS: usize = 250;
/// Rounds unless told otherwise.
const ROUNDS: usize = 3;
const CORES: usize = 2;

/// Reads all streams to their ends, and gives the time of each token in microseconds.
type Readers = fn(Vec<TokenStream>) -> Result<Series>;

const READERS: [(&str, Readers); 2] = [("a task each", in_tasks), ("one thread", on_one_thread)];

fn main() -> Result<()> {
    let words: Arc<dyn Tokenizer> = Arc::new(Words::default());
    let vocabulary = words.vocabulary_size();
    let model = FreeModel::new(STREAMS, 1 + TOKENS, vocabulary, paced(PACE));
    let engine = model.start(words)?;
    let before = load_average();
    let mut rows = Vec::new();
    for _ in 0..rounds(ROUNDS)? {
        for (name, readers) in READERS {
            rows.push(row(name, &engine, readers)?);
        }
    }
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    let header = [
        "readers",
        "tokens",
        "p50 ms",
        "p99 ms",
        "most ms",
        "CPU µs a token",
    ];
    println!("{}", table(&header, &rows));
    Ok(())
}

fn row(name: &str, engine: &Engine, readers: Readers) -> Result<Vec<String>> {
    let request = || Request::tokens([1]).max_tokens(TOKENS).build();
    let streams: Result<Vec<_>> = (0..STREAMS)
        .map(|_| Ok(engine.generate(request()?)?))
        .collect();
    let before = Costs::now();
    let times = readers(streams?)?;
    let mut costs = Costs::default();
    costs.add_between(&before, &Costs::now());
    let tokens = STREAMS * TOKENS;
    let milliseconds = |share| format!("{:.3}", times.quantile(share) / 1e3);
    let cpu = costs.total().nanoseconds as f64 / tokens as f64 / 1e3;
    let mut row = vec![name.to_owned(), tokens.to_string()];
    row.extend([0.5, 0.99, 1.0].map(milliseconds));
    row.push(format!("{cpu:.2}"));
    Ok(row)
}

fn in_tasks(streams: Vec<TokenStream>) -> Result<Series> {
    let runtime = Builder::new_multi_thread().worker_threads(CORES).build()?;
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|s| runtime.spawn(read(s)))
        .collect();
    let mut all = Series::default();
    for task in tasks {
        all.extend(block_on(task)?);
    }
    Ok(all)
}

fn on_one_thread(streams: Vec<TokenStream>) -> Result<Series> {
    let mut all = Series::default();
    let series = block_on(join_all(streams.into_iter().map(read)));
    series.into_iter().for_each(|series| all.extend(series));
    Ok(all)
}

/// The time from the model to here of each of a stream's tokens, in microseconds.
async fn read(mut stream: TokenStream) -> Series {
    let mut series = Series::default();
    while let Some(token) = stream.next().await {
        let token = token.expect("the engine makes no errors");
        series.push(token.times.sampled.elapsed().as_secs_f64() * 1e6);
    }
    series
}
