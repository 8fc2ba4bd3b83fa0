//! A tiny model of each family, in each kind of file, and the ids that Python transformers goes on
//! with.

#[path = "../../../stream-checkpoint/tests/fixtures/families/reader.rs"]
pub(crate) mod reader;

use stream_checkpoint::Checkpoint;
use stream_core::TokenId;
use stream_runtime::BlockId;

use self::reader::Model;
use crate::engine::{EngineModel, Options, Precision};
use crate::support::{Part, argmax, forward};

pub(crate) fn open(model: &Model) -> Checkpoint {
    Checkpoint::open(&model.path).unwrap_or_else(|error| panic!("{error}"))
}

/// Room for some short sequences, and otherwise the defaults.
pub(crate) fn options(precision: Precision) -> Options {
    Options {
        precision,
        kv_tokens: Some(1_024),
        max_step_tokens: 512,
        ..Options::default()
    }
}

/// Part of a sequence, whose blocks nobody else has. They go backwards, so that a position is not
/// found by counting.
pub(crate) fn part(sequence: BlockId, tokens: &[TokenId], start: usize) -> Part {
    let blocks = (16 * sequence..16 * (sequence + 1)).rev().collect();
    Part {
        start,
        ..Part::whole(blocks, tokens)
    }
}

/// The logits after each of a model's ids.
pub(crate) fn logits(model: &Model, options: &Options) -> Vec<Vec<f32>> {
    let mut engine = EngineModel::load(&open(model), options).unwrap();
    forward(&mut engine, &[part(0, &model.reference.ids, 0)])
}

/// The largest difference at the reference's positions, as a part of its largest logit.
pub(crate) fn error(model: &Model, options: &Options) -> f64 {
    let found = logits(model, options);
    let (mut difference, mut largest) = (0.0, 0.0);
    let positions = model.reference.positions.iter();
    for (position, wanted) in positions.zip(&model.reference.logits) {
        assert_eq!(found[*position].len(), wanted.len());
        for (found, wanted) in found[*position].iter().zip(wanted) {
            assert!(found.is_finite());
            difference = f64::max(difference, f64::from((found - wanted).abs()));
            largest = f64::max(largest, f64::from(wanted.abs()));
        }
    }
    difference / largest
}

#[test]
fn greedy_ids_are_those_of_transformers() {
    for model in reader::models() {
        let mut engine = EngineModel::load(&open(&model), &options(Precision::F32)).unwrap();
        let mut input = model.reference.ids.clone();
        let (mut start, mut found) = (0, Vec::<TokenId>::new());
        while found.len() < model.reference.greedy.len() {
            let logits = forward(&mut engine, &[part(0, &input, start)]);
            start += input.len();
            input = vec![argmax(logits.last().unwrap())];
            found.extend(&input);
        }
        assert_eq!(found, model.reference.greedy, "{}", model.path.display());
    }
}
