//! Speculative decoding by prompt lookup, on and off in turns: the same model, threads and
//! requests, and so the same answers. A third engine, off too, shows how much of a difference is
//! the machine's; who begins changes from round to round.
//!
//! ```text
//! cargo bench -p stream-benches --bench speculation [-- --rounds 9]
//! ```
//!
//! The file is the default model (`STREAM_ENGINE_MODEL` names another), on two threads. A first
//! round, in which the engines' answers are compared, is not counted. On two cores of a server
//! with AVX-512, which others used at times, in the dev profile (it optimises kernels and loop):
//!
//! | | on over off | off again over off | drafted, of 128 a stream | accepted |
//! |---|---|---|---|---|
//! | copy, greedy | 3.39 (2.66–3.77) | 1.05 (0.92–1.29) | 84 | 82 |
//! | story, greedy | 1.18 (1.09–1.21) | 1.06 (1.02–1.09) | 30 | 19 |
//! | story, temperature 0.8 | 1.01 (0.77–1.10) | 1.04 (0.63–1.14) | 8 | 2 |
//! | 8 stories, temperature 0.8 | 1.04 (0.94–1.08) | 1.03 (0.95–1.08) | 0 | 0 |

use std::error::Error;

use backend_candle::{CandleModel, CandleOptions};
use stream_benches::{Series, load_average, per_second, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{Backend, BackendExt, Request, Sampling, TokenId};
use stream_runtime::{Engine, EngineConfig};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds unless told otherwise.
const ROUNDS: usize = 6;
const THREADS: usize = 2;
/// Tokens of an answer at the most.
const TOKENS: usize = 128;

const COPY: &str = "Repeat the following text exactly, word for word.\n\n\
    The harbour master keeps a ledger of every ship. On Monday the Albatross brought forty crates \
    of oranges from Valencia. On Tuesday the Cormorant brought twelve barrels of olive oil from \
    Naples. On Wednesday the Heron brought nothing but a cat and a very tired captain. On Thursday \
    the Pelican brought three hundred bricks and a piano for the school. The harbour master wrote \
    it all down, closed the ledger, and went home to feed the cat.";
const STORY: &str = "Write a story about a fox who learns to swim.";

fn main() -> Result<()> {
    let checkpoint = Checkpoint::open(default_model::path()?)?;
    let engines = [
        engine(&checkpoint, 0)?,
        engine(&checkpoint, 7)?,
        engine(&checkpoint, 0)?,
    ];
    let before = load_average();
    let mut rows = Vec::new();
    for (name, requests) in cases()? {
        rows.push(measure(name, &requests, &engines)?);
    }
    println!("{}, {}", checkpoint.name(), engines[0].info().device);
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    let header = [
        "tokens a second, median (range)",
        "off",
        "on",
        "on over off",
        "off again over off",
        "drafted",
        "accepted",
    ];
    println!("{}", table(&header, &rows));
    Ok(())
}

fn rounds() -> usize {
    let asked = std::env::args().skip_while(|argument| argument != "--rounds");
    asked.skip(1).find_map(|n| n.parse().ok()).unwrap_or(ROUNDS)
}

fn engine(checkpoint: &Checkpoint, speculative_tokens: usize) -> Result<Engine> {
    let options = CandleOptions {
        threads: Some(THREADS),
        ..CandleOptions::default()
    };
    let model = CandleModel::load(checkpoint, &options)?;
    let mut config = EngineConfig::new("candle", checkpoint.name(), model.device());
    config.speculative_tokens = speculative_tokens;
    Ok(Engine::start(
        model,
        checkpoint.tokenizer().clone(),
        config,
    )?)
}

fn cases() -> Result<Vec<(&'static str, Vec<Request>)>> {
    let ask = |prompt: &str, sampling: Sampling| {
        let request = Request::user(prompt).max_tokens(TOKENS).sampling(sampling);
        request.build()
    };
    let drawn = |seed| Sampling::builder().temperature(0.8).seed(seed).build();
    let stories = (0..8).map(|seed| Ok(ask(STORY, drawn(seed)?)?));
    Ok(vec![
        ("copy, greedy", vec![ask(COPY, Sampling::greedy())?]),
        ("story, greedy", vec![ask(STORY, Sampling::greedy())?]),
        ("story, temperature 0.8", vec![ask(STORY, drawn(1)?)?]),
        (
            "8 stories, temperature 0.8",
            stories.collect::<Result<Vec<_>>>()?,
        ),
    ])
}

fn measure(name: &str, requests: &[Request], engines: &[Engine; 3]) -> Result<Vec<String>> {
    let [off, on, _] = engines;
    let drafted = || (on.stats().drafted_tokens, on.stats().accepted_tokens);
    let before = drafted();
    let expected = answers(off, requests)?;
    for engine in &engines[1..] {
        if answers(engine, requests)? != expected {
            return Err(format!("{name}: the answers differ").into());
        }
    }
    let after = drafted();
    let tokens = expected.iter().map(Vec::len).sum();
    let mut speeds: [Series; 3] = Default::default();
    for round in 0..rounds() {
        for turn in 0..engines.len() {
            let number = (round + turn) % engines.len();
            let mut answered = Ok(Vec::new());
            let work = || answered = answers(&engines[number], requests);
            speeds[number].push(per_second(tokens, work));
            answered?;
        }
    }
    let [off, on, again] = &speeds;
    Ok(vec![
        name.to_owned(),
        off.summary(0),
        on.summary(0),
        on.over(off).summary(2),
        again.over(off).summary(2),
        (after.0 - before.0).to_string(),
        (after.1 - before.1).to_string(),
    ])
}

/// The ids of all answers, asked for at once.
fn answers(engine: &Engine, requests: &[Request]) -> Result<Vec<Vec<TokenId>>> {
    let streams = requests
        .iter()
        .map(|request| engine.generate(request.clone()));
    let streams = streams.collect::<std::result::Result<Vec<_>, _>>()?;
    let ids = |stream: stream_core::TokenStream| Ok(stream.blocking().completion()?.ids);
    streams.into_iter().map(ids).collect()
}
