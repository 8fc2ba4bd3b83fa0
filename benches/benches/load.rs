//! How long a model takes to load, and how much memory: each stage in processes of its own.
//!
//! ```text
//! cargo bench -p stream-benches --bench load [-- [--rounds 9] MODEL…]
//! ```
//!
//! A model is a file or folder; left out, it is the default model. `cargo xtask synth` makes
//! large ones. The stages go one further each: the checkpoint opened (headers and tokenizer
//! read, weights mapped), the candle engine loaded (weights packed where it packs them), and one
//! token of an answer made (everything touched once).
//!
//! Memory is as Linux tells it in `/proc/self/status`: the peak of resident memory (`VmHWM`), and
//! at the end of the stage what of it is the process's own (`RssAnon`) and what are pages of mapped
//! files (`RssFile`), which the system shares between processes and drops when memory is short. A
//! first round, which is not counted, brings the files into the page cache.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use backend_candle::{CandleModel, CandleOptions};
use stream_benches::{Series, load_average, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_engine::StreamingConfig;
use stream_engine::core::{BackendExt, Request, Sampling};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds unless told otherwise.
const ROUNDS: usize = 5;
/// How this program calls itself to measure one stage.
const STAGE: &str = "--stage";
const MIB: f64 = 1024.0;

/// What a stage calls when it is done, with everything that it made still in memory.
type Done<'a> = &'a dyn Fn() -> Result<()>;

/// A stage's name in the table, and what it does.
type Stage = (&'static str, fn(&Path, Done<'_>) -> Result<()>);

const STAGES: [Stage; 3] = [
    ("checkpoint opened", open),
    ("engine loaded", load),
    ("first token", answer),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, stage, model] = &arguments[..]
        && flag == STAGE
    {
        return measure(stage.parse()?, Path::new(model));
    }
    let (rounds, mut models) = read(&arguments)?;
    if models.is_empty() {
        models.push(default_model::path()?.display().to_string());
    }
    let before = load_average();
    let mut rows = Vec::new();
    for model in &models {
        for stage in 0..STAGES.len() {
            rows.push(row(stage, model, rounds)?);
        }
    }
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    let header = [
        "model",
        "stage",
        "seconds",
        "peak MiB",
        "own MiB",
        "mapped MiB",
    ];
    println!("{}", table(&header, &rows));
    Ok(())
}

/// The rounds and models that were asked for. Cargo adds `--bench` by itself.
fn read(arguments: &[String]) -> Result<(usize, Vec<String>)> {
    let (mut rounds, mut models) = (ROUNDS, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            model => models.push(model.to_owned()),
        }
    }
    Ok((rounds, models))
}

/// Measures a stage round after round.
fn row(stage: usize, model: &str, rounds: usize) -> Result<Vec<String>> {
    let mut columns: [Series; 4] = Default::default();
    once(stage, model)?;
    for _ in 0..rounds {
        let samples = once(stage, model)?;
        for (column, sample) in columns.iter_mut().zip(samples) {
            column.push(sample);
        }
    }
    let [seconds, memory @ ..] = columns;
    let name = Path::new(model).file_name().unwrap_or_default();
    let mut row = vec![
        name.to_string_lossy().into_owned(),
        STAGES[stage].0.to_owned(),
    ];
    row.push(seconds.summary(3));
    row.extend(memory.map(|series| series.summary(0)));
    Ok(row)
}

/// One run of a stage in a new process: seconds, and MiB at the peak, own, and mapped.
fn once(stage: usize, model: &str) -> Result<[f64; 4]> {
    let output = Command::new(std::env::current_exe()?)
        .args([STAGE, &stage.to_string(), model])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: std::result::Result<Vec<f64>, _> =
        text.split_whitespace().map(str::parse).collect();
    numbers?
        .try_into()
        .map_err(|_| "a stage prints four numbers".into())
}

/// Runs a stage in this process, and prints what it took.
fn measure(stage: usize, model: &Path) -> Result<()> {
    let (_, run) = STAGES.get(stage).ok_or("there is no such stage")?;
    let start = Instant::now();
    run(model, &|| tell(start.elapsed().as_secs_f64()))
}

fn tell(seconds: f64) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let [peak, own, mapped] = ["VmHWM:", "RssAnon:", "RssFile:"].map(|name| memory(&status, name));
    println!("{seconds} {} {} {}", peak?, own?, mapped?);
    Ok(())
}

/// A quantity of `/proc/self/status` in MiB.
fn memory(status: &str, name: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.ok_or(format!("the system does not tell {name}"))?;
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / MIB)
}

fn open(model: &Path, done: Done<'_>) -> Result<()> {
    let _checkpoint = Checkpoint::open(model)?;
    done()
}

fn load(model: &Path, done: Done<'_>) -> Result<()> {
    let checkpoint = Checkpoint::open(model)?;
    let _model = CandleModel::load(&checkpoint, &CandleOptions::default())?;
    done()
}

fn answer(model: &Path, done: Done<'_>) -> Result<()> {
    let backend = stream_engine::open(&StreamingConfig::default().model(model))?;
    let greedy = Sampling::builder().temperature(0.0).build()?;
    let request = Request::raw("Hello")
        .max_tokens(1)
        .sampling(greedy)
        .build()?;
    let stream = backend.generate(request)?;
    stream.blocking().try_for_each(|token| token.map(drop))?;
    done()
}
