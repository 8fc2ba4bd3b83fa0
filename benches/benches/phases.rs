//! The three phases of the default model on the candle engine, beside the floor that memory sets:
//! a step reads every weight once, and every key and value of its streams.
//!
//! ```text
//! cargo bench -p stream-benches --bench phases [-- --rounds 9]
//! cargo bench -p stream-benches --bench phases -- --only decode --seconds 20
//! ```
//!
//! In each round memory is read, by as many threads as the model has and as much of it as there
//! are weights, and then each phase has its turn. `--only` repeats one of `decode`, `prefill` and
//! `streams` for a profiler to look at; `docs/profile.md` says how.

use std::error::Error;
use std::time::{Duration, Instant};

use backend_candle::{CandleModel, CandleOptions};
use stream_benches::bandwidth::Memory;
use stream_benches::steps::Steps;
use stream_benches::{Series, argument, load_average, rounds, table};
use stream_checkpoint::{Architecture, Checkpoint, default_model};
use stream_runtime::{Model, ModelError};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds unless told otherwise.
const ROUNDS: usize = 7;
const DEPTH: usize = 256;
const PROMPT: usize = 512;
const STREAMS: usize = 32;

/// Something that a model spends its time on.
struct Phase {
    name: &'static str,
    what: &'static str,
    streams: usize,
    /// Steps in one run.
    steps: usize,
    /// Tokens in a step.
    tokens: usize,
}

/// A prompt takes two steps of half its length.
const PHASES: [Phase; 3] = [
    Phase {
        name: "decode",
        what: "1 stream at depth 256",
        streams: 1,
        steps: 32,
        tokens: 1,
    },
    Phase {
        name: "prefill",
        what: "a prompt of 512",
        streams: 1,
        steps: 2,
        tokens: PROMPT / 2,
    },
    Phase {
        name: "streams",
        what: "32 streams at depth 256",
        streams: STREAMS,
        steps: 16,
        tokens: STREAMS,
    },
];

impl Phase {
    /// Seconds of one run.
    fn run<M: Model>(&self, steps: &mut Steps<M>) -> std::result::Result<f64, ModelError> {
        let start = Instant::now();
        match self.name {
            "prefill" => steps.prefill(0, PROMPT)?,
            _ => steps.decode(self.streams, DEPTH, self.steps)?,
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// Bytes that a step must read: all weights, and keys and values in half precision.
    fn bytes(&self, weights: usize, architecture: &Architecture) -> usize {
        let a = architecture;
        let position = 2 * size_of::<u16>() * a.kv_heads * a.head_dim * a.layers;
        weights + self.streams * DEPTH * position
    }
}

fn main() -> Result<()> {
    let checkpoint = Checkpoint::open(default_model::path()?)?;
    let options = CandleOptions::default();
    let model = CandleModel::load(&checkpoint, &options)?;
    eprintln!("{}, {}", checkpoint.name(), model.device());
    let mut steps = Steps::new(model, STREAMS, PROMPT)?;
    (0..STREAMS).try_for_each(|stream| steps.prefill(stream, DEPTH))?;
    match argument("--only") {
        Some(name) => only(&name, &mut steps),
        None => all(&checkpoint, options.threads()?, &mut steps),
    }
}

/// Repeats one phase.
fn only<M: Model>(name: &str, steps: &mut Steps<M>) -> Result<()> {
    let phase = PHASES.iter().find(|phase| phase.name == name);
    let phase = phase.ok_or("--only takes decode, prefill or streams")?;
    let seconds = argument("--seconds").map_or(Ok(10), |seconds| seconds.parse())?;
    let (end, mut rates) = (
        Instant::now() + Duration::from_secs(seconds),
        Series::default(),
    );
    while Instant::now() < end {
        rates.push((phase.steps * phase.tokens) as f64 / phase.run(steps)?);
    }
    println!("{}: {} tokens a second", phase.what, rates.summary(0));
    Ok(())
}

fn all<M: Model>(checkpoint: &Checkpoint, threads: usize, steps: &mut Steps<M>) -> Result<()> {
    let tensors = checkpoint.weights().iter();
    let weights = tensors.map(|(_, tensor)| tensor.bytes().len()).sum();
    let memory = Memory::new(weights, threads);
    let before = load_average();
    let mut floor = Series::default();
    let mut times: [Series; PHASES.len()] = Default::default();
    for _ in 0..rounds(ROUNDS)? {
        floor.push(memory.read() / 1e9);
        for (phase, times) in PHASES.iter().zip(&mut times) {
            times.push(phase.run(steps)? / phase.steps as f64 * 1e3);
        }
    }
    println!(
        "load before and after: {before:.2?} and {:.2?}",
        load_average()
    );
    println!(
        "{:.1} MB of weights; {threads} threads read {} GB/s\n",
        weights as f64 / 1e6,
        floor.summary(1)
    );
    let rows = PHASES.iter().zip(&times).map(|(phase, times)| {
        let read = phase.bytes(weights, checkpoint.architecture()) as f64 / 1e9;
        row(phase, times, read, &floor)
    });
    println!("{}", table(&HEADER, &rows.collect::<Vec<_>>()));
    Ok(())
}

const HEADER: [&str; 5] = [
    "phase",
    "tokens a second",
    "ms a step",
    "GB/s",
    "of what memory gives",
];

/// `times` are milliseconds of a step, `read` gigabytes that it reads.
fn row(phase: &Phase, times: &Series, read: f64, floor: &Series) -> Vec<String> {
    let rates = times.map(|time| phase.tokens as f64 / time * 1e3);
    let speeds = times.map(|time| read / time * 1e3);
    vec![
        phase.what.to_owned(),
        rates.summary(0),
        times.summary(2),
        speeds.summary(1),
        speeds.over(floor).summary(2),
    ]
}
