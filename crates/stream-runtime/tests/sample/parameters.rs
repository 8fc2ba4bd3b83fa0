//! What each parameter does, on rows written by hand.

use stream_core::{Sampling, SamplingBuilder, TokenId};
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler};

use crate::reference::id;

/// Logits whose probabilities are ½, ¼, ⅛, 1/16 and 1/16 with an unlikely rest.
fn halves() -> Vec<f32> {
    let probabilities = [0.125_f32, 0.5, 0.0625, 0.25, 0.0625];
    probabilities.iter().map(|p| p.ln()).collect()
}

fn distribution(logits: &[f32], builder: SamplingBuilder) -> Vec<(TokenId, f64)> {
    let sampling = builder.build().unwrap();
    Sampler::new().distribution(&mut logits.to_vec(), &Choice::new(&sampling))
}

fn check(builder: SamplingBuilder, expected: &[(TokenId, f64)]) {
    let found = distribution(&halves(), builder);
    assert_eq!(found.len(), expected.len(), "{found:?} is not {expected:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!(
            a.0 == b.0 && (a.1 - b.1).abs() < 1e-6,
            "{found:?} is not {expected:?}"
        );
    }
}

#[test]
fn nothing_set_keeps_the_models_distribution() {
    check(
        Sampling::builder(),
        &[(0, 0.125), (1, 0.5), (2, 0.0625), (3, 0.25), (4, 0.0625)],
    );
}

#[test]
fn temperature_sharpens_and_flattens() {
    // Halving the temperature squares the ratios: 4² : 8² … with the smallest as 1.
    let total = 4.0 + 64.0 + 1.0 + 16.0 + 1.0;
    check(
        Sampling::builder().temperature(0.5),
        &[
            (0, 4.0 / total),
            (1, 64.0 / total),
            (2, 1.0 / total),
            (3, 16.0 / total),
            (4, 1.0 / total),
        ],
    );
    let flat = distribution(&halves(), Sampling::builder().temperature(10.0));
    assert!(flat.iter().all(|t| (0.15..0.25).contains(&t.1)), "{flat:?}");
}

#[test]
fn top_k_keeps_the_most_probable_and_of_equals_the_lowest_ids() {
    check(Sampling::builder().top_k(1), &[(1, 1.0)]);
    check(
        Sampling::builder().top_k(2),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
    let four = 0.9375;
    check(
        Sampling::builder().top_k(4),
        &[
            (0, 0.125 / four),
            (1, 0.5 / four),
            (2, 0.0625 / four),
            (3, 0.25 / four),
        ],
    );
    for k in [5, 6, u32::MAX] {
        assert_eq!(
            distribution(&halves(), Sampling::builder().top_k(k)).len(),
            5
        );
    }
}

#[test]
fn top_p_keeps_the_smallest_set_that_reaches_it() {
    check(Sampling::builder().top_p(1e-6), &[(1, 1.0)]);
    check(Sampling::builder().top_p(0.49), &[(1, 1.0)]);
    check(
        Sampling::builder().top_p(0.51),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
    let four = 0.9375;
    check(
        Sampling::builder().top_p(0.9),
        &[
            (0, 0.125 / four),
            (1, 0.5 / four),
            (2, 0.0625 / four),
            (3, 0.25 / four),
        ],
    );
}

#[test]
fn top_p_is_of_what_top_k_left() {
    // Of ½ and ¼ the first alone has two thirds.
    check(Sampling::builder().top_k(2).top_p(0.66), &[(1, 1.0)]);
    check(
        Sampling::builder().top_p(0.66),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
}

#[test]
fn min_p_is_a_share_of_the_most_probable() {
    check(Sampling::builder().min_p(1.0), &[(1, 1.0)]);
    check(Sampling::builder().min_p(0.51), &[(1, 1.0)]);
    check(
        Sampling::builder().min_p(0.49),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
    check(
        Sampling::builder().min_p(0.2).top_p(0.6),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
    check(
        Sampling::builder().min_p(0.4).top_p(0.9),
        &[(1, 2.0 / 3.0), (3, 1.0 / 3.0)],
    );
}

#[test]
fn the_cuts_see_the_temperature() {
    let cold = Sampling::builder().temperature(0.5);
    check(cold.clone().min_p(0.3), &[(1, 1.0)]);
    check(cold.top_p(0.7), &[(1, 1.0)]);
}

/// A choice that must come out the same for greedy and for every draw.
fn certain(logits: &[f32], banned: &[TokenId]) -> Option<TokenId> {
    let mut sampler = Sampler::new();
    let mut next = |sampling: &Sampling, position| {
        let key = DrawKey {
            seed: 1,
            choice: 0,
            position,
        };
        let choice = Choice {
            key,
            banned,
            ..Choice::new(sampling)
        };
        id(&sampler.sample(&mut logits.to_vec(), &choice))
    };
    let first = next(&Sampling::greedy(), 0);
    let builder = Sampling::builder;
    for draft in [
        builder(),
        builder().top_k(1),
        builder().top_p(0.5),
        builder().min_p(0.5),
    ] {
        let sampling = draft.build().unwrap();
        for position in 0..50 {
            assert_eq!(
                next(&sampling, position),
                first,
                "{sampling:?} on {logits:?}"
            );
        }
    }
    first
}

#[test]
fn rows_with_broken_numbers() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let cases: [(&[f32], &[TokenId], Option<TokenId>); 15] = [
        (&[], &[], None),
        (&[3.0], &[], Some(0)),
        (&[3.0], &[0], None),
        (&[NAN, -1e30, NAN], &[], Some(1)),
        (&[-NAN, -INF, 2.0], &[], Some(2)),
        (&[NAN, NAN], &[], None),
        (&[-INF, -INF], &[], None),
        (&[NAN, -INF], &[], None),
        (&[1.0, INF], &[], None),
        (&[1.0, INF], &[1], Some(0)),
        (&[1.0, NAN], &[0], None),
        (&[100.0, 0.0, 1.0], &[0, 2], Some(1)),
        (&[1.0, 2.0], &[0, 1, 1], None),
        (&[1.0], &[1, TokenId::MAX], Some(0)),
        (&[f32::MIN, f32::MAX], &[], Some(1)),
    ];
    for (logits, banned, expected) in cases {
        assert_eq!(
            certain(logits, banned),
            expected,
            "{logits:?} without {banned:?}"
        );
    }
}

#[test]
fn zeros_of_either_sign_are_equal() {
    for logits in [[-0.0, 0.0], [0.0, -0.0]] {
        for sampling in [
            Sampling::greedy(),
            Sampling::builder().top_k(1).build().unwrap(),
        ] {
            let choice = Choice::new(&sampling);
            let next = Sampler::new().sample(&mut logits.to_vec(), &choice);
            assert_eq!(id(&next), Some(0), "{logits:?} {sampling:?}");
        }
    }
}
