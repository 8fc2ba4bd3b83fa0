//! Rows side by side, prompts in chunks, and both at once.

use backend_onnx::{OnnxModel, OnnxOptions, Precision};
use stream_core::TokenId;
use stream_runtime::BlockId;

use crate::difference::error;
use crate::support::{Part, forward, model};

const BLOCKS: BlockId = 12;

/// What sums in another order may differ by, as a part of the largest logit.
const SINGLE: f64 = 2e-5;
/// The same where a sum's last bit may decide how an activation is rounded to 8 bits.
const QUANTISED: f64 = 0.05;

/// Sequences of different lengths, more than one span of 128 positions among them.
fn sequences() -> Vec<Vec<TokenId>> {
    let lengths = [1, 2, 7, 16, 17, 64, 101, 150].into_iter().enumerate();
    let token = |i: usize, t: usize| (977 * (i + 1) + 131 * t) as TokenId;
    lengths
        .map(|(i, length)| (0..length).map(|t| token(i, t)).collect())
        .collect()
}

/// A part of sequence `i`, sampled after its last token.
fn part(i: usize, tokens: &[TokenId], start: usize) -> Part {
    let (first, last) = (i as BlockId * BLOCKS, tokens.len() - 1);
    Part {
        blocks: (first..first + BLOCKS).rev().collect(),
        start,
        tokens: tokens.to_vec(),
        sample: last..last + 1,
    }
}

fn load(precision: Precision) -> OnnxModel {
    model(&OnnxOptions {
        precision,
        kv_tokens: Some(16 * 8 * BLOCKS as usize),
        max_step_tokens: 512,
        ..OnnxOptions::default()
    })
}

#[test]
fn decode_prefill_and_chunked_prefill_share_a_step() {
    for (precision, most) in [(Precision::F32, SINGLE), (Precision::Native, QUANTISED)] {
        let mut model = load(precision);
        let sequences = sequences();
        let all = || sequences.iter().enumerate();
        let alone: Vec<_> = all()
            .flat_map(|(i, tokens)| forward(&mut model, &[part(i, tokens, 0)]))
            .collect();
        let together: Vec<_> = all().map(|(i, tokens)| part(i, tokens, 0)).collect();
        let error_together = error(&forward(&mut model, &together), &alone);
        // Sequence 6 is in the middle of its prompt, 7 begins with it; the others decode.
        let heads = all().filter(|(i, tokens)| tokens.len() > 1 && *i < 7);
        let cut = |i: usize, tokens: &[TokenId]| if i == 6 { 60 } else { tokens.len() - 1 };
        let heads: Vec<_> = heads
            .map(|(i, tokens)| part(i, &tokens[..cut(i, tokens)], 0))
            .collect();
        forward(&mut model, &heads);
        let mixed = all().map(|(i, tokens)| match i {
            7 => part(i, tokens, 0),
            _ => part(i, &tokens[cut(i, tokens)..], cut(i, tokens)),
        });
        let error_mixed = error(&forward(&mut model, &mixed.collect::<Vec<_>>()), &alone);
        println!("{precision:?}: {error_together} together, {error_mixed} mixed");
        assert!(
            error_together <= most && error_mixed <= most,
            "{precision:?}"
        );
    }
}

/// A chunk of a prompt that ends nowhere asks for no logits.
#[test]
fn a_step_may_want_no_logits() {
    let mut model = load(Precision::Native);
    let tokens = sequences().pop().unwrap();
    let whole = forward(&mut model, &[part(0, &tokens, 0)]);
    let silent = Part {
        sample: 0..0,
        ..part(1, &tokens[..100], 0)
    };
    assert!(forward(&mut model, &[silent]).is_empty());
    let rest = forward(&mut model, &[part(1, &tokens[100..], 100)]);
    let error = error(&rest, &whole);
    assert!(error <= QUANTISED, "{error}");
}
