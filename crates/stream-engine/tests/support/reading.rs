//! A text that engines read, token by token, and candle in `f32`, which judges them.

use backend_candle::{CandleModel, CandleOptions, Precision};
use stream_checkpoint::{Checkpoint, default_model};
use stream_engine::core::{Sampling, TokenId, Tokenizer};
use stream_runtime::{Batch, BlockId, Choice, Given, ModelError, Row, SequenceId};

/// Tokens in a step.
pub(crate) const CHUNK: usize = 128;

pub(crate) fn checkpoint() -> Checkpoint {
    let path = default_model::path().expect("a cache folder");
    Checkpoint::open(path).expect("fetch the model: stream-engine pull")
}

/// The beginning of a text that does not change.
pub(crate) fn text(checkpoint: &Checkpoint, count: usize) -> Vec<TokenId> {
    let licence = include_str!("../../../../LICENSE-APACHE");
    let mut tokens = checkpoint.tokenizer().encode(licence).unwrap();
    assert!(tokens.len() >= count, "{} tokens", tokens.len());
    tokens.truncate(count);
    tokens
}

/// Calls `each` with the logits after every token.
pub(crate) fn read(
    tokens: &[TokenId],
    mut forward: impl FnMut(&Batch<'_>) -> Result<Vec<f32>, ModelError>,
    mut each: impl FnMut(usize, &[f32]),
) {
    let blocks: Vec<_> = (0..tokens.len().div_ceil(16) as BlockId).collect();
    let sampling = Sampling::greedy();
    for (number, chunk) in tokens.chunks(CHUNK).enumerate() {
        let row = Row {
            sequence: SequenceId(0),
            blocks: &blocks,
            start: number * CHUNK,
            tokens: chunk,
            sample: 0..chunk.len(),
            given: Given::default(),
            choice: Choice::new(&sampling),
        };
        let logits = forward(&Batch { rows: &[row] }).unwrap();
        let width = logits.len() / chunk.len();
        for (i, logits) in logits.chunks(width).enumerate() {
            each(number * CHUNK + i, logits);
        }
    }
}

pub(crate) fn best(logits: &[f32]) -> usize {
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    best.expect("some logits")
}

/// candle in `f32` on the numbers of the file is the judge. Calls `each` with the number of a token
/// and candle's logits after it.
pub(crate) fn judge(checkpoint: &Checkpoint, tokens: &[TokenId], each: impl FnMut(usize, &[f32])) {
    let options = CandleOptions {
        precision: Precision::F32,
        ..CandleOptions::default()
    };
    let mut candle = CandleModel::load(checkpoint, &options).unwrap();
    read(tokens, |batch| candle.forward(batch), each);
}

/// The largest difference at a token, as a part of its largest logit.
pub(crate) fn apart(found: &[f32], wanted: &[f32]) -> f32 {
    let largest = wanted.iter().fold(0.0, |most, x| f32::max(most, x.abs()));
    let apart = found.iter().zip(wanted).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max) / largest
}
