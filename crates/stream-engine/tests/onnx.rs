//! ONNX Runtime beside candle: on the same file they compute the same. `cargo xtask test` fetches
//! the model and the library.

#[path = "support/reading.rs"]
mod reading;

use backend_onnx::{OnnxModel, OnnxOptions, Precision};
use stream_checkpoint::Checkpoint;

use reading::{CHUNK, apart, best, checkpoint, judge, read, text};

/// Tokens of a text that both read.
const TOKENS: usize = 1_024;

fn onnx(checkpoint: &Checkpoint, precision: Precision) -> OnnxModel {
    let options = OnnxOptions {
        precision,
        ..OnnxOptions::default()
    };
    OnnxModel::load(checkpoint, &options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn in_single_precision_the_logits_are_candles() {
    let checkpoint = checkpoint();
    let tokens = text(&checkpoint, 2 * CHUNK);
    let mut wanted = Vec::new();
    judge(&checkpoint, &tokens, |_, row| wanted.push(row.to_vec()));
    for (precision, most) in [(Precision::F32, 1e-3), (Precision::Exact, 1e-3)] {
        let mut model = onnx(&checkpoint, precision);
        let mut worst = 0.0_f32;
        read(
            &tokens,
            |batch| model.forward(batch),
            |token, row| {
                worst = worst.max(apart(row, &wanted[token]));
                assert_eq!(best(row), best(&wanted[token]), "after token {token}");
            },
        );
        println!("{precision:?}: the largest difference is {worst} of the largest logit");
        assert!(worst < most, "{precision:?}: {worst}");
    }
}

/// Activations that are rounded to 8 bits turn 35 choices; candle's own native form, which rounds
/// them too, turns 42.
#[test]
fn on_quantised_weights_nearly_every_choice_is_candles() {
    let checkpoint = checkpoint();
    let tokens = text(&checkpoint, TOKENS);
    let mut wanted = Vec::new();
    judge(&checkpoint, &tokens, |_, row| wanted.push(best(row)));
    for (precision, least) in [(Precision::Exact, 0.99), (Precision::Native, 0.96)] {
        let mut model = onnx(&checkpoint, precision);
        let mut same = 0;
        read(
            &tokens,
            |batch| model.forward(batch),
            |token, row| same += usize::from(best(row) == wanted[token]),
        );
        println!("{precision:?}: {same} of {TOKENS} are candle's");
        let share = same as f64 / TOKENS as f64;
        assert!(share >= least, "{precision:?}: {share}");
    }
}
