//! How near the tiny models of every family come to Python transformers, and that a row of theirs
//! keeps its bits.

use std::fmt::Write;

use backend_candle::{CandleModel, InstructionSet, Precision};
use stream_checkpoint::{Checkpoint, LayerWeight, WeightId};

use crate::families::reader::{self, Model};
use crate::families::{error, logits, open, options, part};
use crate::support::forward;

/// The largest error that single precision may have, as a part of the largest logit.
const SINGLE: f64 = 1e-5;
/// The same for numbers as they are in the file, with keys and values in half precision.
const HALF: f64 = 5e-3;
/// The same for quantised weights, with activations rounded to 8 bits.
const QUANTISED: f64 = 0.1;

fn load(set: InstructionSet, checkpoint: &Checkpoint) -> CandleModel {
    CandleModel::load_for(set, checkpoint, &options(Precision::Native)).unwrap()
}

/// What kind of file it is, and how its matrices are stored.
fn kind(model: &Model) -> (&'static str, String) {
    let checkpoint = open(model);
    let query = WeightId::Layer(0, LayerWeight::Query);
    let format = checkpoint.weights().get(query).unwrap().format();
    let kind = if model.path.is_dir() {
        "folder"
    } else {
        "GGUF"
    };
    (kind, format.to_string())
}

/// What `FAMILIES.md` says, computed anew; the errors are the same on every CPU.
fn table() -> String {
    let mut table = "| family | file | numbers | `Precision::F32` | `Precision::Native` |\n\
                     |---|---|---|---|---|\n"
        .to_owned();
    for model in reader::models() {
        let (kind, numbers) = kind(&model);
        let single = error(&model, &options(Precision::F32));
        let native = error(&model, &options(Precision::Native));
        let most = if numbers.starts_with('Q') {
            QUANTISED
        } else {
            HALF
        };
        let row = format!(
            "{} | {kind} | {numbers} | {single:.0e} | {native:.0e}",
            model.family
        );
        assert!(single <= SINGLE && native <= most, "{row}");
        writeln!(table, "| {row} |").unwrap();
    }
    table
}

#[test]
fn every_family_in_every_kind_of_file_agrees_with_transformers() {
    let (table, documented) = (table(), include_str!("../../FAMILIES.md"));
    println!("{table}");
    assert!(
        documented.contains(&table),
        "FAMILIES.md should have:\n{table}"
    );
}

#[test]
fn both_kinds_of_file_hold_the_same_model() {
    let models: Vec<_> = reader::models().collect();
    for family in reader::FAMILIES {
        let [folder, gguf] = ["hf".to_owned(), format!("{family}.gguf")].map(|name| {
            let path = reader::folder(family).join(name);
            let model = models.iter().find(|model| model.path == path).unwrap();
            logits(model, &options(Precision::F32))
        });
        // Rows of queries and keys are in another order, so sums may be rounded otherwise.
        let pairs = folder.iter().flatten().zip(gguf.iter().flatten());
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-4, "{family}: {largest}");
    }
}

/// Windows, layers without rotation and norms of heads keep what holds for the default model.
#[test]
fn a_row_does_not_depend_on_its_batch_its_chunks_or_the_instructions() {
    for model in reader::models().filter(|model| model.path.is_dir()) {
        let (checkpoint, ids) = (open(&model), &model.reference.ids);
        let mut engine = load(InstructionSet::Portable, &checkpoint);
        let wanted = forward(&mut engine, &[part(0, ids, 0)]);
        for set in InstructionSet::available() {
            let mut engine = load(set, &checkpoint);
            let mut found = Vec::new();
            for (i, chunk) in ids.chunks(37).enumerate() {
                let neighbour = part(1, &ids[..20 * (i + 1)], 0);
                let logits = forward(&mut engine, &[neighbour, part(2, chunk, 37 * i)]);
                found.extend_from_slice(&logits[20 * (i + 1)..]);
            }
            assert!(found == wanted, "{}, {set}", model.family);
        }
    }
}
