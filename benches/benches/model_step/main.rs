//! One step of each engine's model, without the loop, beside candle-transformers' own.
//!
//! ```text
//! cargo bench -p stream-benches --bench model_step [--features libtorch] [-- "32 streams"]
//! ```
//!
//! ONNX Runtime and libtorch need their libraries: `cargo xtask setup onnx`, `setup libtorch`.
//!
//! Every engine has the same file (the default model; `STREAM_ENGINE_MODEL` names another), the
//! same prompts and as many threads as there are physical cores. Streams decode at a depth of 128
//! and choose greedily.

#[cfg(not(feature = "libtorch"))]
#[path = "absent.rs"]
mod libtorch;
#[cfg(feature = "libtorch")]
mod libtorch;

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use backend_candle::{CandleModel, CandleOptions};
use backend_onnx::{OnnxModel, OnnxOptions};
use candle_core::quantized::gguf_file::Content;
use candle_core::{D, Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use criterion::{Criterion, SamplingMode, Throughput};
use stream_benches::steps::Steps;
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::TokenId;
use stream_runtime::Model;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tokens of a prompt.
const DEPTH: usize = 128;
/// Tokens decoded before a stream begins again at its prompt.
const STEPS: usize = 32;
const STREAMS: [usize; 3] = [1, 8, 32];

fn main() -> Result<()> {
    let path = default_model::path()?;
    let checkpoint = Checkpoint::open(&path)?;
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let candle = CandleModel::load(&checkpoint, &CandleOptions::default())?;
    engine(&mut criterion, "candle", candle)?;
    match OnnxModel::load(&checkpoint, &OnnxOptions::default()) {
        Ok(model) => engine(&mut criterion, "onnx", model)?,
        Err(error) => eprintln!("onnx is left out: {error}"),
    }
    libtorch::engine(&mut criterion, &checkpoint)?;
    quantized_llama(&mut criterion, &path)?;
    criterion.final_summary();
    Ok(())
}

/// All steps of an engine.
fn engine<M: Model>(criterion: &mut Criterion, name: &str, model: M) -> Result<()> {
    let most = STREAMS.into_iter().max().unwrap_or(1);
    let mut steps = Steps::new(model, most, DEPTH + STEPS)?;
    for stream in 0..most {
        steps.prefill(stream, DEPTH)?;
    }
    prefill(criterion, name, || Ok(steps.prefill(0, DEPTH)?));
    for streams in STREAMS {
        decode(criterion, name, streams, |count| {
            let start = Instant::now();
            steps.decode(streams, DEPTH, count)?;
            Ok(start.elapsed())
        });
    }
    Ok(())
}

fn prefill(criterion: &mut Criterion, name: &str, mut run: impl FnMut() -> Result<()>) {
    let mut group = criterion.benchmark_group(format!("prefill of {DEPTH}"));
    group
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(DEPTH as u64))
        .bench_function(name, |b| b.iter(|| run().expect("the step is done")));
}

/// `run` does so many steps, at most [`STEPS`], and tells their time.
fn decode(
    criterion: &mut Criterion,
    name: &str,
    streams: usize,
    mut run: impl FnMut(usize) -> Result<Duration>,
) {
    let mut all = |steps: u64| {
        let most = STEPS as u64;
        let counts = (0..steps).step_by(STEPS).map(|done| most.min(steps - done));
        counts
            .map(|count| run(count as usize))
            .sum::<Result<Duration>>()
    };
    let mut group = criterion.benchmark_group(format!("decode, {streams} streams"));
    group
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(streams as u64))
        .bench_function(name, |b| {
            b.iter_custom(|steps| all(steps).expect("the steps are done"));
        });
}

/// The baseline: one sequence, which owns its KV cache.
fn quantized_llama(criterion: &mut Criterion, path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    let content = Content::read(&mut file)?;
    let mut model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
    let prompt = vec![1_000; DEPTH];
    let mut step = |tokens: &[TokenId], position| -> Result<TokenId> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = model.forward(&input, position)?;
        Ok(logits.argmax(D::Minus1)?.squeeze(0)?.to_scalar()?)
    };
    let name = "candle's quantized_llama";
    prefill(criterion, name, || step(&prompt, 0).map(drop));
    decode(criterion, name, 1, |count| {
        let mut token = step(&prompt, 0)?;
        let start = Instant::now();
        for position in DEPTH..DEPTH + count {
            token = step(&[token], position)?;
        }
        Ok(start.elapsed())
    });
    Ok(())
}
