//! Our candle engine beside candle-transformers' own `quantized_llama`, on the same file with
//! the same number of threads, in turns.
//!
//! ```text
//! cargo bench -p stream-benches --bench candle_vs_quantized_llama [-- --rounds 9]
//! ```
//!
//! The file is the default model (`STREAM_ENGINE_MODEL` names another). Both engines take as
//! many threads as there are physical cores; `RAYON_NUM_THREADS` changes that for both.

use std::error::Error;
use std::time::Instant;

use backend_candle::{CandleModel, CandleOptions};
use candle_core::quantized::gguf_file::Content;
use candle_core::{D, Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use stream_benches::steps::Steps;
use stream_benches::{Series, load_average, per_second, rounds, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::TokenId;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tokens of a prompt, and so the depth at which decoding begins.
const DEPTH: usize = 256;
/// Tokens decoded in a measurement.
const DECODED: usize = 32;
/// Streams at once.
const STREAMS: usize = 8;
/// Rounds unless told otherwise.
const ROUNDS: usize = 7;

fn main() -> Result<()> {
    let path = default_model::path()?;
    let mut theirs = Theirs::load(&path)?;
    let start = Instant::now();
    let checkpoint = Checkpoint::open(&path)?;
    let opened = start.elapsed();
    let mut ours = Ours::load(&checkpoint)?;
    println!(
        "{}: opened in {opened:.0?}, ready after {:.0?}",
        checkpoint.name(),
        start.elapsed()
    );
    println!(
        "ours: {}; theirs: {} threads",
        ours.steps.model().device(),
        threads()
    );
    let before = load_average();
    let mut speeds = Rounds::default();
    for _ in 0..rounds(ROUNDS)? {
        speeds.measure(&mut theirs, &mut ours)?;
    }
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    println!("{}", speeds.table());
    Ok(())
}

fn threads() -> usize {
    candle_core::utils::get_num_threads()
}

/// Tokens a second.
fn speed(tokens: usize, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let mut done = Ok(());
    let speed = per_second(tokens, || done = work());
    done.map(|()| speed)
}

/// The speeds of every round, in tokens a second.
#[derive(Default)]
struct Rounds {
    their_prefill: Series,
    our_prefill: Series,
    their_decode: Series,
    our_decode: Series,
    our_streams: Series,
}

impl Rounds {
    fn measure(&mut self, theirs: &mut Theirs, ours: &mut Ours) -> Result<()> {
        let ours = &mut ours.steps;
        self.their_prefill.push(speed(DEPTH, || theirs.prefill())?);
        self.our_prefill
            .push(speed(DEPTH, || Ok(ours.prefill(0, DEPTH)?))?);
        self.their_decode.push(speed(DECODED, || theirs.decode())?);
        self.our_decode
            .push(speed(DECODED, || Ok(ours.decode(1, DEPTH, DECODED)?))?);
        self.our_streams.push(speed(STREAMS * DECODED, || {
            Ok(ours.decode(STREAMS, DEPTH, DECODED)?)
        })?);
        Ok(())
    }

    fn table(&self) -> String {
        let row = |what: &str, theirs: &Series, ours: &Series| {
            let ratio = ours.over(theirs).summary(1);
            vec![what.to_owned(), theirs.summary(0), ours.summary(0), ratio]
        };
        table(
            &[
                "tokens a second, median (range)",
                "quantized_llama",
                "ours",
                "ratio",
            ],
            &[
                row("prefill of 256", &self.their_prefill, &self.our_prefill),
                row("decode at depth 256", &self.their_decode, &self.our_decode),
                row(
                    "8 streams at depth 256, over its single one",
                    &self.their_decode,
                    &self.our_streams,
                ),
            ],
        )
    }
}

/// candle-transformers' engine.
struct Theirs {
    model: ModelWeights,
}

impl Theirs {
    fn load(path: &std::path::Path) -> Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let content = Content::read(&mut file)?;
        let model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
        Ok(Self { model })
    }

    fn step(&mut self, tokens: &[TokenId], position: usize) -> candle_core::Result<TokenId> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = self.model.forward(&input, position)?;
        logits.argmax(D::Minus1)?.squeeze(0)?.to_scalar()
    }

    fn prefill(&mut self) -> Result<()> {
        let prompt: Vec<_> = (0..DEPTH).map(|i| (1_000 + 37 * i) as TokenId).collect();
        self.step(&prompt, 0)?;
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        let mut token = 1_000;
        for position in DEPTH..DEPTH + DECODED {
            token = self.step(&[token], position)?;
        }
        Ok(())
    }
}

/// This project's engine, driven as its token loop drives it.
struct Ours {
    steps: Steps<CandleModel>,
}

impl Ours {
    /// Loads the model and reads every stream's prompt.
    fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let options = CandleOptions {
            threads: Some(threads()),
            ..CandleOptions::default()
        };
        let model = CandleModel::load(checkpoint, &options)?;
        let mut steps = Steps::new(model, STREAMS, DEPTH + DECODED)?;
        (0..STREAMS).try_for_each(|stream| steps.prefill(stream, DEPTH))?;
        Ok(Self { steps })
    }
}
