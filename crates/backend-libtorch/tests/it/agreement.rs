//! How near the tiny models of every family come to Python transformers, and what a row of theirs
//! keeps in a batch.

use backend_libtorch::{Batches, LibtorchModel, LibtorchOptions, Precision};
use stream_checkpoint::{Checkpoint, LayerWeight, WeightId};
use stream_core::TokenId;

use crate::families::reader::{self, Model};
use crate::families::{error, open, options, part};
use crate::support::forward;

/// The largest error that single precision may have, as a part of the largest logit.
const SINGLE: f64 = 1e-5;
/// The same for products of `bf16`, with keys and values of `bf16`.
const HALF: f64 = 0.1;
/// The same for quantised weights, whose scales are rounded to `bf16`.
const QUANTISED: f64 = 0.2;

fn invariant() -> LibtorchOptions {
    LibtorchOptions {
        batches: Batches::Invariant,
        ..options(Precision::Native)
    }
}

fn load(checkpoint: &Checkpoint, options: &LibtorchOptions) -> LibtorchModel {
    LibtorchModel::load(checkpoint, options).unwrap()
}

fn is_quantised(model: &Model) -> bool {
    let query = WeightId::Layer(0, LayerWeight::Query);
    let format = open(model).weights().get(query).unwrap().format();
    format.to_string().starts_with('Q')
}

#[test]
fn every_family_in_every_kind_of_file_agrees_with_transformers() {
    for model in reader::models() {
        let fastest = |precision| error(&model, &options(precision));
        let [single, half, wide] =
            [Precision::F32, Precision::Bf16, Precision::Native].map(fastest);
        let narrow = error(&model, &invariant());
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

/// Windows, layers without rotation and norms of heads in ragged batches and chunks.
#[test]
fn a_row_does_not_depend_on_its_batch_or_its_chunks() {
    for model in reader::models().filter(|model| !model.path.is_dir()) {
        let (checkpoint, ids) = (open(&model), &model.reference.ids);
        let mut alone = load(&checkpoint, &invariant());
        let wanted = forward(&mut alone, &[part(0, ids, 0)]);
        let mut engine = load(&checkpoint, &invariant());
        let found = in_chunks(&mut engine, ids);
        assert!(found == wanted, "{}", model.path.display());
        let mut engine = load(&checkpoint, &options(Precision::F32));
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
