//! The sampler against the textbook, on random rows.

use proptest::prelude::*;
use stream_core::{Dry, Mirostat, SamplerStage, Sampling, SamplingBuilder, TokenId, Xtc};
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler, TokenCounts};

use crate::reference::{distribution, id, row};

/// Temperature, top-k, top-p and min-p, in the order that most requests have.
fn plain_parameters() -> impl Strategy<Value = Sampling> {
    let temperature = prop_oneof![Just(1.0_f32), 0.05..3.0_f32];
    let top_k = prop_oneof![Just(0_u32), 1..10_u32, 10..4000_u32];
    let top_p = prop_oneof![Just(1.0_f32), Just(0.95), 0.001..1.0_f32];
    let min_p = prop_oneof![Just(0.0_f32), 0.0001..0.5_f32, Just(1.0)];
    (temperature, top_k, top_p, min_p).prop_map(|(temperature, k, top_p, min_p)| {
        let draft = Sampling::builder().temperature(temperature).top_k(k);
        draft.top_p(top_p).min_p(min_p).build().unwrap()
    })
}

/// A parameter that is set in some cases.
fn sometimes<T: Clone + std::fmt::Debug + 'static>(
    off: T,
    on: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![3 => Just(off), 1 => on]
}

/// Every parameter, in any order of the stages.
fn all_parameters() -> impl Strategy<Value = Sampling> {
    let shape = (
        sometimes(1.0_f32, 0.2..3.0_f32),
        sometimes(0_u32, 1..300_u32),
        sometimes(1.0_f32, 0.05..1.0_f32),
        sometimes(0.0_f32, 0.001..0.5_f32),
        sometimes(1.0_f32, 0.05..1.0_f32),
        sometimes(0.0_f32, 0.1..4.0_f32),
        sometimes(0.0_f32, 1e-4..0.1_f32),
        sometimes(0.0_f32, 1e-4..0.5_f32),
    );
    let xtc = sometimes(None, (0.1..1.0_f32, 0.01..0.3_f32).prop_map(Some));
    let penalty = sometimes(1.0_f32, 0.7..1.5_f32);
    let dry = sometimes(None, Just(Some(Dry::default())));
    let order = Just(SamplerStage::DEFAULT_ORDER.to_vec()).prop_shuffle();
    (shape, xtc, penalty, dry, order).prop_map(|(shape, xtc, penalty, dry, order)| {
        let (temperature, k, top_p, min_p, typical, sigma, epsilon, eta) = shape;
        let draft = Sampling::builder()
            .temperature(temperature)
            .top_k(k)
            .top_p(top_p);
        let draft = draft.min_p(min_p).typical_p(typical).top_n_sigma(sigma);
        let draft = draft.epsilon_cutoff(epsilon).eta_cutoff(eta);
        let draft = draft.repetition_penalty(penalty).sampler_order(order);
        let draft = xtc
            .into_iter()
            .fold(draft, |draft, (probability, threshold)| {
                draft.xtc(Xtc {
                    probability,
                    threshold,
                })
            });
        let draft = dry.into_iter().fold(draft, SamplingBuilder::dry);
        draft.logit_bias(0, 1.5).build().unwrap()
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

/// The sampler has the reference's tokens with its probabilities, and draws as it does. Whether
/// the reference could tell.
fn check(logits: &[f32], choice: Choice<'_>, tolerance: f64) -> Result<bool, TestCaseError> {
    let Some(expected) = distribution(logits, &choice) else {
        return Ok(false);
    };
    let mut sampler = Sampler::new();
    let found = sampler.distribution(&mut logits.to_vec(), &choice);
    // A weight under e⁻⁸⁷ is 0 in single precision.
    let possible = |all: &[(TokenId, f64)]| -> Vec<(TokenId, f64)> {
        all.iter().copied().filter(|t| t.1 > 1e-30).collect()
    };
    let ids = |all: &[(TokenId, f64)]| -> Vec<TokenId> { all.iter().map(|t| t.0).collect() };
    let (found, expected) = (possible(&found), possible(&expected));
    prop_assert_eq!(ids(&found), ids(&expected));
    for (a, b) in found.iter().zip(&expected) {
        prop_assert!(
            (a.1 - b.1).abs() <= tolerance * b.1,
            "{:?} is not {:?}",
            a,
            b
        );
    }
    let next = sampler.sample(&mut logits.to_vec(), &choice);
    if let Some(drawn) = pick(&expected, choice.key.uniform()) {
        prop_assert_eq!(id(&next), Some(drawn));
    }
    Ok(true)
}

/// Logits differ from the largest by up to 87, of which single precision keeps 24 bits.
const SINGLE: f64 = 2e-5;
/// With a penalty or a bias after a temperature, they are not taken from the largest first.
const ABSOLUTE: f64 = 2e-4;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn same_tokens_same_probabilities_same_draws(
        logits in rows(),
        sampling in plain_parameters(),
        seed in any::<u64>(),
    ) {
        for position in 0..20 {
            let key = DrawKey { seed, choice: 0, position };
            let choice = Choice { key, ..Choice::new(&sampling) };
            prop_assume!(check(&logits, choice, SINGLE)?);
        }
    }

    #[test]
    fn every_sampler_in_any_order(
        logits in rows(),
        sampling in all_parameters(),
        seed in any::<u64>(),
        usable in prop_oneof![Just(usize::MAX), 40..90_usize],
    ) {
        let mut history = TokenCounts::default();
        history.record_prompt(&[1, 2, 5, 9]);
        [2, 2, 7].into_iter().for_each(|id| history.record_answer(id));
        let (banned, dry) = ([3, 4], [(1, 0.5), (6, 2.0)]);
        for position in 0..4 {
            let choice = Choice {
                key: DrawKey { seed, choice: 0, position },
                history: &history,
                banned: &banned,
                dry: &dry,
                usable,
                ..Choice::new(&sampling)
            };
            prop_assume!(logits.len() > 10 && check(&logits, choice, ABSOLUTE)?);
        }
    }

    #[test]
    fn mirostat_at_any_bound(
        logits in rows(),
        mu in -3.0..30.0_f32,
        temperature in sometimes(1.0_f32, 0.2..3.0_f32),
        seed in any::<u64>(),
    ) {
        let sampling = Sampling::builder().temperature(temperature).mirostat(Mirostat::default());
        let sampling = sampling.build().unwrap();
        let key = DrawKey { seed, ..DrawKey::default() };
        prop_assume!(check(&logits, Choice { key, mu, ..Choice::new(&sampling) }, SINGLE)?);
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest(logits in rows()) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let expected = match logits.iter().position(|&x| x == largest) {
            Some(i) if largest.is_finite() => Some(i as TokenId),
            _ => None,
        };
        let greedy = Sampling::greedy();
        let next = Sampler::new().sample(&mut logits.clone(), &Choice::new(&greedy));
        prop_assert_eq!(id(&next), expected);
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
    for (row_index, row) in rows.iter().enumerate() {
        for (k, p) in [
            (40, 1.0),
            (0, 0.90002),
            (5000, 0.98705),
            (19_999, 0.3),
            (0, 1.0),
        ] {
            let sampling = Sampling::builder().top_k(k).top_p(p).build().unwrap();
            let choice = Choice::new(&sampling);
            let found = sampler.distribution(&mut row.clone(), &choice);
            let expected = distribution(row, &choice).expect("no cut is close");
            let found: Vec<_> = found.iter().map(|t| t.0).collect();
            let expected: Vec<_> = expected.iter().map(|t| t.0).collect();
            assert!(found == expected, "row {row_index}, top_k {k}, top_p {p}");
        }
    }
}
