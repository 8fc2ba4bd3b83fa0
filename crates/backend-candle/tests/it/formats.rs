//! Every format of weights, in a tiny model that is made here: its quantised products against
//! the same weights dequantised to `f32`.

use backend_candle::{CandleModel, CandleOptions, InstructionSet, Precision};
use candle_core::quantized::GgmlDType;
use stream_checkpoint::Checkpoint;
use stream_core::TokenId;

use crate::support::{Part, forward};
use crate::tiny::Tiny;

/// Every width is a multiple of every format's block; the vocabulary is none of a tile's 16 rows.
const WIDE: Tiny = Tiny {
    layers: 2,
    hidden: 256,
    feed_forward: 256,
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    rotated: 64,
    vocabulary: 59,
};
const PROMPT: [TokenId; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 50];

fn logits(set: InstructionSet, checkpoint: &Checkpoint, precision: Precision) -> Vec<f32> {
    let options = CandleOptions {
        precision,
        kv_tokens: Some(64),
        ..CandleOptions::default()
    };
    let mut model = CandleModel::load_for(set, checkpoint, &options).unwrap();
    forward(&mut model, &[Part::whole(vec![2, 0, 1], &PROMPT)]).concat()
}

/// The largest difference, as a part of the largest logit.
fn error(found: &[f32], wanted: &[f32]) -> f32 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
    let difference = largest(&mut found.iter().zip(wanted).map(|(a, b)| (a - b).abs()));
    difference / largest(&mut wanted.iter().map(|x| x.abs()))
}

#[test]
fn every_format_multiplies_as_its_numbers_do_on_every_instruction_set() {
    use GgmlDType as F;
    // Weights that are kept as numbers differ by the rounding of the cache to half precision
    // alone; the others by that of their activations to 8 bits too.
    for (format, allowed) in [
        (F::F32, 0.001),
        (F::F16, 0.001),
        (F::BF16, 0.001),
        (F::Q4_0, 0.03),
        (F::Q4_1, 0.03),
        (F::Q5_0, 0.03),
        (F::Q5_1, 0.03),
        (F::Q8_0, 0.03),
        (F::Q4K, 0.03),
        (F::Q5K, 0.03),
        (F::Q6K, 0.03),
    ] {
        let checkpoint = WIDE.checkpoint(format);
        let wanted = logits(InstructionSet::Portable, &checkpoint, Precision::F32);
        let native = logits(InstructionSet::Portable, &checkpoint, Precision::Native);
        let error = error(&native, &wanted);
        println!("{format:?}: {error}");
        assert!(error <= allowed, "{format:?}: {error}");
        for set in InstructionSet::available() {
            assert!(
                logits(set, &checkpoint, Precision::Native) == native,
                "{format:?}, {set}"
            );
        }
    }
}
