//! A tiny model of each family, in each kind of file, against Python transformers.

#[path = "../../../stream-checkpoint/tests/fixtures/families/reader.rs"]
mod reader;

use backend_onnx::{OnnxModel, OnnxOptions, Precision};
use stream_checkpoint::{Checkpoint, LayerWeight, WeightId};
use stream_core::TokenId;
use stream_runtime::BlockId;

use self::reader::Model;
use crate::support::{Part, argmax, error, forward};

/// The largest error of numbers, as a part of the largest logit: keys and values are `f32` too.
const SINGLE: f64 = 1e-5;
/// The same for quantised weights, with activations rounded to 8 bits. Random weights exaggerate.
const QUANTISED: f64 = 0.1;

fn open(model: &Model) -> Checkpoint {
    Checkpoint::open(&model.path).unwrap_or_else(|error| panic!("{error}"))
}

fn load(model: &Model, precision: Precision) -> OnnxModel {
    let options = OnnxOptions {
        precision,
        kv_tokens: Some(1_024),
        max_step_tokens: 512,
        ..OnnxOptions::default()
    };
    OnnxModel::load(&open(model), &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Backwards, so that a position is not found by counting.
fn part(tokens: &[TokenId], start: usize) -> Part {
    let blocks: Vec<BlockId> = (0..16).rev().collect();
    Part {
        start,
        ..Part::whole(blocks, tokens)
    }
}

fn is_quantised(model: &Model) -> bool {
    let checkpoint = open(model);
    let query = WeightId::Layer(0, LayerWeight::Query);
    checkpoint
        .weights()
        .get(query)
        .unwrap()
        .format()
        .codes()
        .is_some()
}

#[test]
fn every_family_in_every_kind_of_file_agrees_with_transformers() {
    for model in reader::models() {
        for precision in [Precision::F32, Precision::Native] {
            let reference = &model.reference;
            let logits = forward(&mut load(&model, precision), &[part(&reference.ids, 0)]);
            let positions = reference.positions.iter();
            let found: Vec<_> = positions
                .map(|&position| logits[position].clone())
                .collect();
            let error = error(&found, &reference.logits);
            println!("{}, {precision:?}: {error:.0e}", model.path.display());
            let rounds = precision == Precision::Native && is_quantised(&model);
            let most = if rounds { QUANTISED } else { SINGLE };
            assert!(
                error <= most,
                "{}, {precision:?}: {error}",
                model.path.display()
            );
        }
    }
}

#[test]
fn greedy_ids_are_those_of_transformers() {
    for model in reader::models() {
        let mut engine = load(&model, Precision::F32);
        let mut input = model.reference.ids.clone();
        let (mut start, mut found) = (0, Vec::<TokenId>::new());
        while found.len() < model.reference.greedy.len() {
            let logits = forward(&mut engine, &[part(&input, start)]);
            start += input.len();
            input = vec![argmax(logits.last().unwrap())];
            found.extend(&input);
        }
        assert_eq!(
            found,
            model.reference.greedy,
            "{}: {}",
            model.family,
            model.path.display()
        );
    }
}
