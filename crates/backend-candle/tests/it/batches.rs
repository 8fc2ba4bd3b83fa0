//! A row's logits are the same bits alone, in any batch, in any chunks, and with any of this
//! CPU's instruction sets.

use backend_candle::{CandleModel, CandleOptions, InstructionSet, Precision};
use stream_core::TokenId;
use stream_runtime::BlockId;

use crate::support::{Part, checkpoint, forward, model};

/// Positions in a block, and blocks for each sequence.
const BLOCK: usize = 16;
const BLOCKS: BlockId = 12;

/// Eight sequences of different lengths.
fn sequences() -> Vec<Vec<TokenId>> {
    [1, 2, 7, 16, 17, 64, 101, 150]
        .into_iter()
        .enumerate()
        .map(|(i, length)| {
            (0..length)
                .map(|t| (977 * (i + 1) + 131 * t) as TokenId)
                .collect()
        })
        .collect()
}

fn blocks(sequence: usize) -> Vec<BlockId> {
    let first = sequence as BlockId * BLOCKS;
    // Backwards, so that a position is not found by counting.
    (first..first + BLOCKS).rev().collect()
}

/// A part of sequence `i`, sampled after its last token.
fn part(i: usize, tokens: &[TokenId], start: usize) -> Part {
    let last = tokens.len() - 1;
    Part {
        blocks: blocks(i),
        start,
        tokens: tokens.to_vec(),
        sample: last..last + 1,
    }
}

fn load(precision: Precision) -> CandleModel {
    model(&CandleOptions {
        precision,
        block_size: BLOCK,
        kv_tokens: Some(8 * BLOCK * BLOCKS as usize),
        max_step_tokens: 512,
        ..CandleOptions::default()
    })
}

fn alone(model: &mut CandleModel) -> Vec<Vec<f32>> {
    let sequences = sequences();
    let parts = sequences
        .iter()
        .enumerate()
        .map(|(i, tokens)| part(i, tokens, 0));
    parts.flat_map(|part| forward(model, &[part])).collect()
}

#[track_caller]
fn assert_same_bits(found: &[Vec<f32>], wanted: &[Vec<f32>]) {
    assert_eq!(found.len(), wanted.len());
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let differ = found
            .iter()
            .zip(wanted)
            .filter(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(differ.count(), 0, "logits of sequence {i}");
    }
}

fn check_batches(precision: Precision) {
    let mut model = load(precision);
    let wanted = alone(&mut model);
    let sequences = sequences();
    let parts: Vec<_> = (0..)
        .zip(&sequences)
        .map(|(i, tokens)| part(i, tokens, 0))
        .collect();
    assert_same_bits(&forward(&mut model, &parts), &wanted);
    // Every sequence decodes its last token, side by side with one that still reads its prompt.
    let heads: Vec<_> = (0..)
        .zip(&sequences)
        .filter(|(_, tokens)| tokens.len() > 1)
        .map(|(i, tokens)| part(i, &tokens[..tokens.len() - 1], 0))
        .collect();
    forward(&mut model, &heads);
    let mut mixed: Vec<_> = (0..)
        .zip(&sequences)
        .map(|(i, tokens)| part(i, &tokens[tokens.len() - 1..], tokens.len() - 1))
        .collect();
    mixed[7] = part(7, &sequences[7], 0);
    assert_same_bits(&forward(&mut model, &mixed), &wanted);
}

#[test]
fn a_row_does_not_depend_on_its_batch() {
    check_batches(Precision::Native);
}

#[test]
fn nor_does_it_in_single_precision() {
    check_batches(Precision::F32);
}

#[test]
fn a_prompt_in_chunks_is_the_prompt_as_a_whole() {
    let mut model = load(Precision::Native);
    let tokens = sequences().pop().unwrap();
    let whole = forward(&mut model, &[part(0, &tokens, 0)]);
    for size in [1, 7, 64] {
        let mut last = Vec::new();
        for (i, chunk) in tokens.chunks(size).enumerate() {
            last = forward(&mut model, &[part(1, chunk, i * size)]);
        }
        assert_same_bits(&last, &whole);
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let options = CandleOptions::default();
    let tokens = &sequences()[6][..40];
    let of = |set| {
        let mut model = CandleModel::load_for(set, &checkpoint(), &options).unwrap();
        forward(&mut model, &[part(0, tokens, 0)])
    };
    let wanted = of(InstructionSet::Portable);
    for set in InstructionSet::available() {
        assert_same_bits(&of(set), &wanted);
    }
}

/// A row of several positions, as speculative decoding makes them: at each of them the logits are
/// those of a row that ends there, right tokens or wrong ones behind it.
#[test]
fn a_draft_is_scored_as_one_token_after_the_other() {
    for precision in [Precision::Native, Precision::F32] {
        let mut model = load(precision);
        let tokens = sequences().pop().unwrap();
        let (prompt, rest) = tokens.split_at(tokens.len() - 12);
        forward(&mut model, &[part(0, prompt, 0)]);
        let singles = rest.iter().zip(prompt.len()..);
        let wanted: Vec<_> = singles
            .flat_map(|(&token, position)| forward(&mut model, &[part(0, &[token], position)]))
            .collect();
        forward(&mut model, &[part(1, prompt, 0)]);
        for width in 1..=rest.len() {
            let row = Part {
                sample: 0..width,
                ..part(1, &rest[..width], prompt.len())
            };
            assert_same_bits(&forward(&mut model, &[row]), &wanted[..width]);
        }
        // What a rejected draft left in the cache is written again and never read.
        let wrong: Vec<_> = rest.iter().map(|token| token + 1).collect();
        forward(&mut model, &[part(1, &wrong, prompt.len())]);
        let beside = Part {
            sample: 0..8,
            ..part(1, &rest[..8], prompt.len())
        };
        let found = forward(&mut model, &[part(2, prompt, 0), beside]);
        assert_same_bits(&found[1..], &wanted[..8]);
    }
}
