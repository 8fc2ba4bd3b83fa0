//! The real model, and rows to feed it with.

use std::ops::Range;

use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, BlockId, Choice, Given, Model, Row, SequenceId};

use crate::engine::{EngineModel, Options};

/// The default model's file.
pub(crate) fn checkpoint() -> Checkpoint {
    let path = default_model::path().expect("a cache folder");
    let missing = "the default model is needed: `stream-engine pull` fetches it, and `cargo xtask \
                   test` does so before it runs the tests";
    Checkpoint::open(&path).unwrap_or_else(|error| panic!("{error}\n{missing}"))
}

/// The default model, loaded.
pub(crate) fn model(options: &Options) -> EngineModel {
    EngineModel::load(&checkpoint(), options).expect("the default model loads")
}

/// Part of a sequence that takes part in a step.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) blocks: Vec<BlockId>,
    pub(crate) start: usize,
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) sample: Range<usize>,
}

impl Part {
    /// All of `tokens` as a new sequence, sampled after each.
    pub(crate) fn whole(blocks: Vec<BlockId>, tokens: &[TokenId]) -> Self {
        Self {
            blocks,
            start: 0,
            tokens: tokens.to_vec(),
            sample: 0..tokens.len(),
        }
    }
}

/// One step over some parts; the logits at each sampled position.
pub(crate) fn forward(model: &mut EngineModel, parts: &[Part]) -> Vec<Vec<f32>> {
    let sampling = Sampling::greedy();
    let rows: Vec<_> = parts.iter().map(|part| row(part, &sampling)).collect();
    let logits = model
        .forward(&Batch { rows: &rows })
        .expect("a valid batch");
    let width = model.spec().vocabulary;
    logits.chunks(width).map(<[f32]>::to_vec).collect()
}

pub(crate) fn row<'a>(part: &'a Part, sampling: &'a Sampling) -> Row<'a> {
    Row {
        sequence: SequenceId(u64::from(part.blocks[0])),
        blocks: &part.blocks,
        start: part.start,
        tokens: &part.tokens,
        sample: part.sample.clone(),
        given: Given::default(),
        choice: Choice::new(sampling),
    }
}

/// The index of the largest.
pub(crate) fn argmax(logits: &[f32]) -> TokenId {
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    best.expect("some logits") as TokenId
}

/// Natural logarithm of the probability of `id`.
pub(crate) fn log_probability(logits: &[f32], id: TokenId) -> f64 {
    let most = f64::from(logits[argmax(logits) as usize]);
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - most).exp()).sum();
    f64::from(logits[id as usize]) - most - sum.ln()
}
