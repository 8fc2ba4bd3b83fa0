//! What the setting for batches promises, on the real model.

use backend_libtorch::{Batches, LibtorchModel, LibtorchOptions, Precision};
use stream_core::TokenId;
use stream_runtime::BlockId;

use crate::support::{Part, argmax, forward, model};

fn load(batches: Batches, precision: Precision) -> LibtorchModel {
    model(&LibtorchOptions {
        precision,
        batches,
        kv_tokens: Some(2_048),
        ..LibtorchOptions::default()
    })
}

/// Part of sequence `i`, sampled after its last token.
fn part(i: usize, tokens: &[TokenId], start: usize) -> Part {
    let first = 8 * i as BlockId;
    let last = tokens.len() - 1;
    Part {
        blocks: (first..first + 8).rev().collect(),
        start,
        tokens: tokens.to_vec(),
        sample: last..last + 1,
    }
}

fn sequences() -> Vec<Vec<TokenId>> {
    let sequence = |(i, length): (usize, usize)| {
        (0..length)
            .map(|t| (977 * (i + 1) + 131 * t) as TokenId)
            .collect()
    };
    [1, 2, 7, 16, 17, 33, 64]
        .into_iter()
        .enumerate()
        .map(sequence)
        .collect()
}

/// Alone; in one batch; and each decoding its last token beside one that reads its prompt.
fn three_ways(model: &mut LibtorchModel) -> [Vec<Vec<f32>>; 3] {
    let all = sequences();
    let whole = |i: usize| part(i, &all[i], 0);
    let alone = (0..all.len())
        .flat_map(|i| forward(model, &[whole(i)]))
        .collect();
    let together = forward(model, &(0..all.len()).map(whole).collect::<Vec<_>>());
    let heads = (1..all.len()).map(|i| part(i, &all[i][..all[i].len() - 1], 0));
    forward(model, &heads.collect::<Vec<_>>());
    let last = |i: usize| part(i, &all[i][all[i].len() - 1..], all[i].len() - 1);
    let mixed = (0..all.len()).map(|i| if i == 5 { whole(i) } else { last(i) });
    let mixed = forward(model, &mixed.collect::<Vec<_>>());
    [alone, together, mixed]
}

#[test]
fn invariant_rows_have_the_same_bits_in_every_batch() {
    for precision in [Precision::Native, Precision::Bf16, Precision::F32] {
        let mut model = load(Batches::Invariant, precision);
        assert!(model.capabilities().batch_invariant);
        let [alone, together, mixed] = three_ways(&mut model);
        assert!(alone == together, "{precision:?}: in a batch");
        assert!(alone == mixed, "{precision:?}: decoding");
    }
}

#[test]
fn the_fastest_rows_choose_alike_where_the_choice_is_clear() {
    let mut model = load(Batches::Fastest, Precision::F32);
    assert!(!model.capabilities().batch_invariant);
    let [alone, together, mixed] = three_ways(&mut model);
    for other in [together, mixed] {
        for (i, (alone, other)) in alone.iter().zip(&other).enumerate() {
            let apart = alone.iter().zip(other).map(|(a, b)| (a - b).abs());
            let apart = apart.fold(0.0, f32::max);
            assert!(apart < 1e-3, "sequence {i}: {apart}");
            assert_eq!(argmax(alone), argmax(other), "sequence {i}");
        }
    }
}
