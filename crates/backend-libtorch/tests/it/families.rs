//! A tiny model of each family, in each kind of file, against Python transformers.

#[path = "../../../stream-checkpoint/tests/fixtures/families/reader.rs"]
mod reader;

use backend_libtorch::{Batches, LibtorchModel, LibtorchOptions, Precision};
use stream_checkpoint::{Checkpoint, LayerWeight, WeightId};
use stream_core::TokenId;
use stream_runtime::BlockId;

use self::reader::Model;
use crate::support::{Part, argmax, forward};

/// The largest error that single precision may have, as a part of the largest logit.
const SINGLE: f64 = 1e-5;
/// The same for products of `bf16`, with keys and values of `bf16`.
const HALF: f64 = 0.1;
/// The same for quantised weights, whose scales are rounded to `bf16`.
const QUANTISED: f64 = 0.2;

/// Backwards, so that a position is not found by counting; `sequence` has its own.
fn blocks(sequence: BlockId) -> Vec<BlockId> {
    (16 * sequence..16 * (sequence + 1)).rev().collect()
}

fn open(model: &Model) -> Checkpoint {
    Checkpoint::open(&model.path).unwrap_or_else(|error| panic!("{error}"))
}

fn load(checkpoint: &Checkpoint, precision: Precision, batches: Batches) -> LibtorchModel {
    let options = LibtorchOptions {
        precision,
        batches,
        kv_tokens: Some(1_024),
        ..LibtorchOptions::default()
    };
    LibtorchModel::load(checkpoint, &options).unwrap()
}

fn part(sequence: BlockId, tokens: &[TokenId], start: usize) -> Part {
    Part {
        start,
        ..Part::whole(blocks(sequence), tokens)
    }
}

/// The largest difference at the reference's positions, as a part of its largest logit.
fn error(model: &Model, precision: Precision, batches: Batches) -> f64 {
    let mut engine = load(&open(model), precision, batches);
    let found = forward(&mut engine, &[part(0, &model.reference.ids, 0)]);
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

fn is_quantised(model: &Model) -> bool {
    let query = WeightId::Layer(0, LayerWeight::Query);
    let format = open(model).weights().get(query).unwrap().format();
    format.to_string().starts_with('Q')
}

#[test]
fn every_family_in_every_kind_of_file_agrees_with_transformers() {
    for model in reader::models() {
        let fastest = |precision| error(&model, precision, Batches::Fastest);
        let [single, half, wide] =
            [Precision::F32, Precision::Bf16, Precision::Native].map(fastest);
        let narrow = error(&model, Precision::Native, Batches::Invariant);
        let most = if is_quantised(&model) {
            QUANTISED
        } else {
            HALF
        };
        let row = format!(
            "{} in {}: {single:.0e}, {half:.0e}, {wide:.0e}, {narrow:.0e}",
            model.family,
            model.path.display()
        );
        println!("{row}");
        assert!(single <= SINGLE && half <= HALF, "{row}");
        assert!(wide <= most && narrow <= most, "{row}");
    }
}

#[test]
fn greedy_ids_are_those_of_transformers() {
    for model in reader::models() {
        let mut engine = load(&open(&model), Precision::F32, Batches::Fastest);
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

/// Windows, layers without rotation and norms of heads in ragged batches and chunks.
#[test]
fn a_row_does_not_depend_on_its_batch_or_its_chunks() {
    for model in reader::models().filter(|model| !model.path.is_dir()) {
        let (checkpoint, ids) = (open(&model), &model.reference.ids);
        let mut alone = load(&checkpoint, Precision::Native, Batches::Invariant);
        let wanted = forward(&mut alone, &[part(0, ids, 0)]);
        let mut engine = load(&checkpoint, Precision::Native, Batches::Invariant);
        let found = in_chunks(&mut engine, ids);
        assert!(found == wanted, "{}", model.path.display());
        let mut engine = load(&checkpoint, Precision::F32, Batches::Fastest);
        let wanted = forward(&mut engine, &[part(0, ids, 0)]);
        let found = in_chunks(&mut engine, ids);
        let pairs = found.iter().flatten().zip(wanted.iter().flatten());
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-4, "{}: {largest}", model.path.display());
    }
}

/// The logits of a sequence read 37 tokens at a time, beside one that grows and one that decodes.
fn in_chunks(engine: &mut LibtorchModel, ids: &[TokenId]) -> Vec<Vec<f32>> {
    let mut found = Vec::new();
    for (i, chunk) in ids.chunks(37).enumerate() {
        let neighbour = part(1, &ids[..20 * (i + 1)], 0);
        let decoding = part(3, &ids[i..=i], i);
        let logits = forward(engine, &[neighbour, part(2, chunk, 37 * i), decoding]);
        let first = 20 * (i + 1);
        found.extend_from_slice(&logits[first..first + chunk.len()]);
    }
    found
}
