//! Every format of weights, in a tiny model that is made here: its products against the same
//! weights in `f32`.

use backend_onnx::{OnnxModel, OnnxOptions, Precision};
use candle_core::quantized::GgmlDType as F;
use stream_checkpoint::Checkpoint;
use stream_core::TokenId;

use crate::difference::error;
use crate::support::{Part, forward};
use crate::tiny::Tiny;

/// Every width is a multiple of every format's block.
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

fn logits(checkpoint: &Checkpoint, precision: Precision) -> Vec<Vec<f32>> {
    let options = OnnxOptions {
        precision,
        kv_tokens: Some(64),
        ..OnnxOptions::default()
    };
    let mut model = OnnxModel::load(checkpoint, &options).unwrap();
    forward(&mut model, &[Part::whole(vec![2, 0, 1], &PROMPT)])
}

#[track_caller]
fn check(name: &str, checkpoint: &Checkpoint, allowed: f64) {
    let wanted = logits(checkpoint, Precision::F32);
    let error = error(&logits(checkpoint, Precision::Native), &wanted);
    println!("{name}: {error}");
    assert!(error <= allowed, "{name}: {error}");
}

#[test]
fn every_format_multiplies_as_its_numbers_do() {
    for format in [F::F32, F::F16, F::BF16] {
        check(&format!("{format:?}"), &WIDE.checkpoint(format), 1e-6);
    }
    // Weights are exact: what is left is the rounding of activations to 8 bits.
    for format in [
        F::Q4_0,
        F::Q4_1,
        F::Q5_0,
        F::Q5_1,
        F::Q8_0,
        F::Q4K,
        F::Q5K,
        F::Q6K,
    ] {
        check(&format!("{format:?}"), &WIDE.checkpoint(format), 0.03);
    }
}

/// Where matrices that are multiplied with the same rows have different formats.
#[test]
fn formats_mix() {
    let mixed = WIDE.mixed(|name| match name {
        "attn_q" => F::Q6K,
        "attn_k" => F::Q4K,
        "attn_v" => F::F16,
        "attn_output" => F::Q5_0,
        "ffn_gate" => F::Q4_1,
        "ffn_up" => F::Q5K,
        "ffn_down" => F::Q8_0,
        _ => F::Q4_1,
    });
    check("mixed", &mixed, 0.03);
}

/// Widths that are odd numbers of groups, so that zeros fill half a byte.
#[test]
fn odd_numbers_of_groups_are_packed() {
    let odd = Tiny {
        hidden: 96,
        feed_forward: 160,
        heads: 3,
        kv_heads: 1,
        head_dim: 32,
        rotated: 32,
        ..WIDE
    };
    for format in [F::Q4_0, F::Q4_1, F::Q5_1, F::Q8_0] {
        check(&format!("odd {format:?}"), &odd.checkpoint(format), 0.03);
    }
}
