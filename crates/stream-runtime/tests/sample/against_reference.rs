//! The sampler against the textbook, on random rows.

use proptest::prelude::*;
use stream_core::{Sampling, TokenId};
use stream_runtime::Next;
use stream_runtime::sample::{DrawKey, Sampler, TokenCounts};

use crate::reference::{choice, distribution, row};

fn parameters() -> impl Strategy<Value = Sampling> {
    let temperature = prop_oneof![Just(1.0_f32), 0.05..3.0_f32];
    let top_k = prop_oneof![Just(0_u32), 1..10_u32, 10..4000_u32];
    let top_p = prop_oneof![Just(1.0_f32), Just(0.95), 0.001..1.0_f32];
    let min_p = prop_oneof![Just(0.0_f32), 0.0001..0.5_f32, Just(1.0)];
    (temperature, top_k, top_p, min_p).prop_map(|(temperature, k, top_p, min_p)| {
        let draft = Sampling::builder().temperature(temperature).top_k(k);
        draft.top_p(top_p).min_p(min_p).build().unwrap()
    })
}

/// Short rows and long ones, peaked and flat, with ties and without, with holes.
fn rows() -> impl Strategy<Value = Vec<f32>> {
    let length = prop_oneof![1..70_usize, 70..5000_usize];
    let spread = prop_oneof![Just(0.0_f32), 0.01..1.0_f32, 1.0..20.0_f32];
    let grain = prop_oneof![Just(0.0_f32), Just(0.5)];
    let holes = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            prop_oneof![Just(f32::NAN), Just(f32::NEG_INFINITY)],
        ),
        0..20,
    );
    (any::<u64>(), length, spread, grain, holes).prop_map(|(seed, length, spread, grain, holes)| {
        let mut row = row(seed, length, spread, grain);
        for (index, hole) in holes {
            *index.get_mut(&mut row) = hole;
        }
        row
    })
}

/// The token at `uniform` of the cumulative distribution; `None` where rounding may move it.
fn pick(distribution: &[(TokenId, f64)], uniform: f64) -> Option<TokenId> {
    let mut sum = 0.0;
    for &(id, probability) in distribution {
        sum += probability;
        if (sum - uniform).abs() < 1e-5 {
            return None;
        }
        if sum > uniform {
            return Some(id);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn same_tokens_same_probabilities_same_draws(
        logits in rows(),
        sampling in parameters(),
        seed in any::<u64>(),
    ) {
        let expected = distribution(&logits, &sampling);
        prop_assume!(expected.is_some());
        let expected = expected.unwrap();

        let history = TokenCounts::default();
        let mut choice = choice(&sampling, &history);
        let mut sampler = Sampler::new();
        let found = sampler.distribution(&mut logits.clone(), &choice);

        // A weight under e⁻⁸⁷ is 0 in single precision.
        let possible = |all: &[(TokenId, f64)]| -> Vec<(TokenId, f64)> {
            all.iter().copied().filter(|t| t.1 > 1e-30).collect()
        };
        let ids = |all: &[(TokenId, f64)]| -> Vec<TokenId> { all.iter().map(|t| t.0).collect() };
        let (found, expected) = (possible(&found), possible(&expected));
        prop_assert_eq!(ids(&found), ids(&expected));
        for (a, b) in found.iter().zip(&expected) {
            // Logits differ from the largest by up to 87, of which single precision keeps 24
            // bits.
            prop_assert!((a.1 - b.1).abs() <= 2e-5 * b.1, "{:?} is not {:?}", a, b);
        }

        for position in 0..20 {
            choice.key = DrawKey { seed, choice: 0, position };
            let next = sampler.sample(&mut logits.clone(), &choice);
            if let Some(id) = pick(&expected, choice.key.uniform()) {
                prop_assert_eq!(next, Next::Token(id));
            }
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest(logits in rows()) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let expected = match logits.iter().position(|&x| x == largest) {
            Some(i) if largest.is_finite() => Next::Token(i as TokenId),
            _ => Next::NoFiniteLogit,
        };
        let (greedy, history) = (Sampling::greedy(), TokenCounts::default());
        let choice = choice(&greedy, &history);
        prop_assert_eq!(Sampler::new().sample(&mut logits.clone(), &choice), expected);
    }
}

/// Orders that are bad for a selection by threshold or by pivot.
#[test]
fn sorted_and_equal_rows() {
    let n = 20_000;
    let rows: [Vec<f32>; 4] = [
        (0..n).map(|i| i as f32 * 4e-3).collect(),
        (0..n).map(|i| i as f32 * -4e-3).collect(),
        (0..n).map(|i| ((i * 7919) % n) as f32 * 4e-3).collect(),
        vec![2.5; n],
    ];
    let mut sampler = Sampler::new();
    let history = TokenCounts::default();
    for (row_index, row) in rows.iter().enumerate() {
        for (k, p) in [
            (40, 1.0),
            (0, 0.90002),
            (5000, 0.98705),
            (19_999, 0.3),
            (0, 1.0),
        ] {
            let sampling = Sampling::builder().top_k(k).top_p(p).build().unwrap();
            let choice = choice(&sampling, &history);
            let found = sampler.distribution(&mut row.clone(), &choice);
            let expected = distribution(row, &sampling).expect("no cut is close");
            let found: Vec<_> = found.iter().map(|t| t.0).collect();
            let expected: Vec<_> = expected.iter().map(|t| t.0).collect();
            assert!(found == expected, "row {row_index}, top_k {k}, top_p {p}");
        }
    }
}
