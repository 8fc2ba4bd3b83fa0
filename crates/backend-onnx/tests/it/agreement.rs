//! How near the exact products come to Python transformers on the default model, and tiny models of
//! every family at every precision.

use backend_onnx::Precision;
use stream_checkpoint::{LayerWeight, WeightId};

use crate::families::reader::{self, Model};
use crate::families::{error, open, options};
use crate::fidelity::compare;

/// The largest error of numbers, as a part of the largest logit: keys and values are `f32` too.
const SINGLE: f64 = 1e-5;
/// The same for quantised weights, with activations rounded to 8 bits. Random weights exaggerate.
const QUANTISED: f64 = 0.1;

fn is_quantised(model: &Model) -> bool {
    let checkpoint = open(model);
    let query = WeightId::Layer(0, LayerWeight::Query);
    let format = checkpoint.weights().get(query).unwrap().format();
    format.codes().is_some()
}

#[test]
fn every_family_in_every_kind_of_file_agrees_with_transformers() {
    for model in reader::models() {
        for precision in [Precision::F32, Precision::Native] {
            let error = error(&model, &options(precision));
            let rounds = precision == Precision::Native && is_quantised(&model);
            let most = if rounds { QUANTISED } else { SINGLE };
            let file = model.path.display();
            let row = format!("{} in {file}, {precision:?}: {error:.0e}", model.family);
            println!("{row}");
            assert!(error <= most, "{row}");
        }
    }
}

#[test]
fn exact_products_agree_with_transformers() {
    let worst = compare(Precision::Exact);
    assert_eq!(worst.steps, 333);
    assert!(worst.missed_gap <= 0.02, "{worst:?}");
}
