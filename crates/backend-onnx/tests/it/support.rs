//! The real model, and rows to feed it with.

use std::ops::Range;

use backend_onnx::{OnnxModel, OnnxOptions};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, BlockId, Choice, Given, Model, Row, SequenceId};

/// The default model's file.
pub(crate) fn checkpoint() -> Checkpoint {
    let path = default_model::path().expect("a cache folder");
    let missing =
        "the default model is needed: `cargo xtask test` fetches it before it runs the tests";
    Checkpoint::open(&path).unwrap_or_else(|error| panic!("{error}\n{missing}"))
}

/// The default model, loaded.
pub(crate) fn model(options: &OnnxOptions) -> OnnxModel {
    OnnxModel::load(&checkpoint(), options).unwrap_or_else(|error| panic!("{error}"))
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
pub(crate) fn forward(model: &mut OnnxModel, parts: &[Part]) -> Vec<Vec<f32>> {
    let sampling = Sampling::greedy();
    let rows: Vec<_> = parts.iter().map(|part| row(part, &sampling)).collect();
    let logits = model.forward(&Batch { rows: &rows });
    let logits = logits.unwrap_or_else(|error| panic!("{error}"));
    let width = model.spec().vocabulary;
    logits.chunks(width).map(<[f32]>::to_vec).collect()
}

fn row<'a>(part: &'a Part, sampling: &'a Sampling) -> Row<'a> {
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

/// The largest difference, as a part of the largest number that is wanted.
pub(crate) fn error(found: &[Vec<f32>], wanted: &[Vec<f32>]) -> f64 {
    let (found, wanted) = (found.concat(), wanted.concat());
    assert_eq!(found.len(), wanted.len());
    assert!(found.iter().all(|x| x.is_finite()));
    let most = |numbers: &mut dyn Iterator<Item = f32>| numbers.fold(0.0, f32::max);
    let difference = most(&mut found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()));
    f64::from(difference / most(&mut wanted.iter().map(|x| x.abs())))
}
