//! Many clients that read, stall, cancel, leave, run out of time and ask for nonsense, on a model
//! that fails now and then; and the books of it at the end.
//!
//! ```text
//! cargo run --release -p stream-examples --example soak [-- [--seconds 600] [--model PATH]]
//! ```
//!
//! Without a model it is a toy. The verdict is a failure if a stream did not end exactly once, if
//! a text is not what its ids decode to, if a request was lost, if KV blocks or threads are still
//! taken when all have gone, or if memory grew by more than 1 MB a minute after the first third
//! (in runs of a minute and more, where the system tells it: Linux).

#[path = "soak/books.rs"]
mod books;
#[path = "soak/clients.rs"]
mod clients;
#[path = "soak/plan.rs"]
mod plan;
#[path = "soak/process.rs"]
mod process;
#[path = "soak/unreliable.rs"]
mod unreliable;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_candle::{CandleModel, CandleOptions};
use books::Books;
use process::Memory;
use stream_checkpoint::Checkpoint;
use stream_core::{Backend, Tokenizer};
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Golden, Toy};
use unreliable::Unreliable;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// More than a batch and the queue hold, so that some are turned away.
const CLIENTS: usize = 24;
const QUEUE: usize = 8;
/// Positions in the real model's KV cache: little more than the clients need, so that it is full of
/// cached blocks within a minute. Its memory, taken when first used, is then no growth any more.
const KV_TOKENS: usize = 2_048;
/// How often the state is printed.
const REPORT: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let (seconds, model) = arguments()?;
    let (engine, tokenizer) = match model {
        None => toy()?,
        Some(path) => real(&path)?,
    };
    let books = Arc::new(Books::new(engine, tokenizer));
    clients::warm_up(&books)?;
    let threads = process::threads();
    let memory = soak(&books, Duration::from_secs(seconds));
    books.close();
    process::settle(|| process::threads() <= threads);
    if process::threads() > threads {
        books.breach(format!(
            "threads: {threads:?}, then {:?}",
            process::threads()
        ));
    }
    if let Some(breach) = memory.breach() {
        books.breach(breach);
    }
    println!("{}", memory.summary());
    books.verdict()
}

fn arguments() -> Result<(u64, Option<String>)> {
    let (mut seconds, mut model) = (20, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--seconds" => seconds = value()?.parse()?,
            "--model" => model = Some(value()?),
            _ => return Err(format!("there is no option `{word}`").into()),
        }
    }
    Ok((seconds, model))
}

fn toy() -> Result<(Engine, Arc<dyn Tokenizer>)> {
    let model = Unreliable::new(Toy::new(Toy::small(64)));
    let tokenizer = Arc::new(Golden::default());
    let engine = Engine::start(model, tokenizer.clone(), config("toy", "cpu"))?;
    Ok((engine, tokenizer))
}

fn real(path: &str) -> Result<(Engine, Arc<dyn Tokenizer>)> {
    let checkpoint = Checkpoint::open(path)?;
    let options = CandleOptions {
        kv_tokens: Some(KV_TOKENS),
        ..CandleOptions::default()
    };
    let model = CandleModel::load(&checkpoint, &options)?;
    let config = config(checkpoint.name(), &model.device());
    let tokenizer = checkpoint.tokenizer().clone();
    let engine = Engine::start(Unreliable::new(model), tokenizer.clone(), config)?;
    Ok((engine, tokenizer))
}

fn config(model: &str, device: &str) -> EngineConfig {
    EngineConfig {
        queue: QUEUE,
        ..EngineConfig::new("soak", model, device)
    }
}

/// Runs the clients, and tells every few seconds how things stand.
fn soak(books: &Arc<Books>, time: Duration) -> Memory {
    println!("{} for {time:?}", books.engine.info().model);
    let end = Instant::now() + time;
    let clients = clients::start(books, CLIENTS, end);
    let mut memory = Memory::new(time);
    let mut report = Instant::now() + REPORT;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500));
        memory.sample();
        if Instant::now() >= report {
            report += REPORT;
            println!("{}, {}", books.state(), memory.now());
        }
    }
    for client in clients {
        if client.join().is_err() {
            books.breach("a client panicked".to_owned());
        }
    }
    memory
}
