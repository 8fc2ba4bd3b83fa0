//! Shapes that fill no vector, no tile and no block, against a decoder by the book.

use backend_candle::{CandleModel, CandleOptions, Precision};
use candle_core::quantized::GgmlDType;
use stream_checkpoint::Checkpoint;
use stream_core::TokenId;

use crate::naive;
use crate::support::{Part, forward};
use crate::tiny::Tiny;

/// More than one span of 128 positions.
const TOKENS: usize = 141;

fn tokens(tiny: &Tiny) -> Vec<TokenId> {
    let id = |i| (i * i % tiny.vocabulary) as TokenId;
    (0..TOKENS).map(id).collect()
}

fn logits(checkpoint: &Checkpoint, tokens: &[TokenId], precision: Precision) -> Vec<f32> {
    let options = CandleOptions {
        precision,
        threads: Some(2),
        kv_tokens: Some(160),
        ..CandleOptions::default()
    };
    let mut model = CandleModel::load(checkpoint, &options).unwrap();
    forward(&mut model, &[Part::whole((0..10).collect(), tokens)]).concat()
}

/// The largest difference from the decoder by the book, as a part of its largest logit.
fn error(checkpoint: &Checkpoint, tokens: &[TokenId], precision: Precision) -> f64 {
    let found = logits(checkpoint, tokens, precision);
    let exact = naive::logits(checkpoint, tokens).concat();
    assert_eq!(found.len(), exact.len());
    let largest = exact.iter().fold(0.0, |most, x| f64::max(most, x.abs()));
    let pairs = found.iter().zip(&exact);
    pairs.fold(0.0, |most, (a, b)| {
        f64::max(most, (f64::from(*a) - b).abs())
    }) / largest
}

#[test]
fn every_shape_computes_what_the_book_says() {
    let small = Tiny::SMALL;
    for tiny in [
        small,
        // One key-value head for seven; a width that fills no vector.
        Tiny {
            heads: 7,
            kv_heads: 1,
            head_dim: 10,
            rotated: 10,
            ..small
        },
        // As many key-value heads as heads; wide ones.
        Tiny {
            heads: 2,
            kv_heads: 2,
            head_dim: 96,
            rotated: 96,
            ..small
        },
        // An odd width, of which a part is rotated.
        Tiny {
            head_dim: 13,
            rotated: 6,
            ..small
        },
        // A vocabulary and widths that fill no tile.
        Tiny {
            hidden: 35,
            feed_forward: 51,
            vocabulary: 33,
            ..small
        },
        // As small as can be.
        Tiny {
            layers: 1,
            hidden: 1,
            feed_forward: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 2,
            rotated: 2,
            vocabulary: 3,
        },
        // More heads than a tile has rows.
        Tiny {
            heads: 66,
            kv_heads: 3,
            head_dim: 2,
            rotated: 2,
            ..small
        },
    ] {
        let tokens = tokens(&tiny);
        for format in [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16] {
            let checkpoint = tiny.checkpoint(format);
            let single = error(&checkpoint, &tokens, Precision::F32);
            let native = error(&checkpoint, &tokens, Precision::Native);
            assert!(single < 1e-5, "{tiny:?}, {format:?}: {single}");
            assert!(native < 0.01, "{tiny:?}, {format:?}: {native}");
        }
    }
}

/// Where a row is no whole number of blocks, files keep the matrix in another format.
#[test]
fn formats_mix() {
    use GgmlDType as F;
    let tiny = Tiny {
        hidden: 256,
        feed_forward: 96,
        heads: 3,
        kv_heads: 1,
        head_dim: 32,
        rotated: 32,
        ..Tiny::SMALL
    };
    let checkpoint = tiny.mixed(|name| match name {
        "attn_q" => F::Q6K,
        "attn_k" => F::Q4K,
        "attn_v" => F::F16,
        "attn_output" => F::Q5_0,
        "ffn_gate" => F::Q4_1,
        "ffn_up" => F::Q5K,
        "ffn_down" => F::Q8_0,
        _ => F::BF16,
    });
    let tokens = tokens(&tiny);
    let error = error(&checkpoint, &tokens, Precision::Native);
    assert!(error < 0.05, "{error}");
    let odd = Tiny {
        feed_forward: 50,
        hidden: 32,
        heads: 5,
        kv_heads: 5,
        head_dim: 6,
        rotated: 6,
        ..tiny
    };
    let checkpoint = odd.mixed(|name| match name {
        "ffn_down" => F::F16,
        "attn_output" => F::F32,
        _ => F::Q8_0,
    });
    let error = self::error(&checkpoint, &tokens, Precision::Native);
    assert!(error < 0.05, "{error}");
}
