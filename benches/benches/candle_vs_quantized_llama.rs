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
use stream_benches::{Series, load_average, per_second, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, BlockId, Choice, Given, Model, Next, Row, SequenceId};

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
        ours.model.device(),
        threads()
    );
    let before = load_average();
    let mut rounds = Rounds::default();
    for _ in 0..rounds_asked_for() {
        rounds.measure(&mut theirs, &mut ours)?;
    }
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    println!("{}", rounds.table());
    Ok(())
}

fn threads() -> usize {
    candle_core::utils::get_num_threads()
}

fn rounds_asked_for() -> usize {
    let asked = std::env::args()
        .skip_while(|argument| argument != "--rounds")
        .nth(1);
    asked.and_then(|n| n.parse().ok()).unwrap_or(ROUNDS)
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
        let (mut prefill, mut decode) = (Ok(()), Ok(()));
        self.their_prefill
            .push(per_second(DEPTH, || prefill = theirs.prefill()));
        self.our_prefill.push(per_second(DEPTH, || ours.prefill(0)));
        self.their_decode
            .push(per_second(DECODED, || decode = theirs.decode()));
        self.our_decode.push(per_second(DECODED, || ours.decode(1)));
        self.our_streams
            .push(per_second(STREAMS * DECODED, || ours.decode(STREAMS)));
        prefill.and(decode)
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

/// Some prompt, another one for each stream.
fn prompt(stream: usize) -> Vec<TokenId> {
    (0..DEPTH)
        .map(|i| (1_000 + 37 * i + 501 * stream) as TokenId)
        .collect()
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
        self.step(&prompt(0), 0)?;
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
    model: CandleModel,
    streams: Streams,
}

/// What the rows of a batch refer to.
struct Streams {
    blocks: Vec<Vec<BlockId>>,
    sampling: Sampling,
}

impl Ours {
    /// Loads the model and reads every stream's prompt.
    fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let options = CandleOptions {
            threads: Some(threads()),
            ..CandleOptions::default()
        };
        let model = CandleModel::load(checkpoint, &options)?;
        let blocks = (DEPTH + DECODED).div_ceil(options.block_size) as BlockId;
        let of_stream = |stream: BlockId| (stream * blocks..(stream + 1) * blocks).collect();
        let streams = Streams {
            blocks: (0..STREAMS as BlockId).map(of_stream).collect(),
            sampling: Sampling::greedy(),
        };
        let mut ours = Self { model, streams };
        (0..STREAMS).for_each(|stream| ours.prefill(stream));
        Ok(ours)
    }

    fn prefill(&mut self, stream: usize) {
        let prompt = prompt(stream);
        self.step(&[(stream, 0, &prompt)]);
    }

    fn decode(&mut self, streams: usize) {
        let mut tokens = vec![1_000; streams];
        for position in DEPTH..DEPTH + DECODED {
            let inputs = tokens.iter().map(std::slice::from_ref).enumerate();
            let rows: Vec<_> = inputs
                .map(|(stream, token)| (stream, position, token))
                .collect();
            tokens = self.step(&rows);
        }
    }

    /// One step over (stream, position, tokens), sampled after each row's last token.
    fn step(&mut self, rows: &[(usize, usize, &[TokenId])]) -> Vec<TokenId> {
        let rows: Vec<_> = rows.iter().map(|row| self.streams.row(*row)).collect();
        let mut next = Vec::new();
        let batch = Batch { rows: &rows };
        let ticket = self
            .model
            .launch(&batch)
            .expect("the batch is within the model's limits");
        self.model
            .collect(ticket, &mut next)
            .expect("the step was done");
        let id = |next| match next {
            Next::Token(chosen) => chosen.id,
            other => panic!("the model chose no token: {other:?}"),
        };
        next.into_iter().map(id).collect()
    }
}

impl Streams {
    fn row<'a>(&'a self, (stream, start, tokens): (usize, usize, &'a [TokenId])) -> Row<'a> {
        Row {
            sequence: SequenceId(stream as u64),
            blocks: &self.blocks[stream],
            start,
            tokens,
            sample: tokens.len() - 1..tokens.len(),
            given: Given::default(),
            choice: Choice::new(&self.sampling),
        }
    }
}
