//! Draws follow their distribution and depend on their key alone.

use stream_core::Sampling;
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler};

use crate::reference::{id, row};

/// Pearson's statistic of counts against probabilities. With `n` cells its mean is `n − 1` and
/// its variance `2 (n − 1)`.
fn chi_square(counts: &[u32], probabilities: &[f64]) -> f64 {
    let draws: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    let cells = counts.iter().zip(probabilities);
    cells
        .map(|(&count, p)| (f64::from(count) - draws * p).powi(2) / (draws * p))
        .sum()
}

/// Within five standard deviations of the mean: the keys are fixed, so this holds always or
/// never.
fn assert_fits(counts: &[u32], probabilities: &[f64], what: &str) {
    let degrees = (counts.len() - 1) as f64;
    let statistic = chi_square(counts, probabilities);
    let off = (statistic - degrees).abs() / (2.0 * degrees).sqrt();
    assert!(
        off < 5.0,
        "{what}: {statistic} with {degrees} degrees of freedom"
    );
}

/// Walks along one part of the key.
type Walk = fn(u64) -> DrawKey;

#[test]
fn draws_are_even_along_each_part_of_the_key() {
    const CELLS: usize = 64;
    let keys: [(&str, Walk); 4] = [
        ("seed", |i| DrawKey {
            seed: i,
            choice: 0,
            position: 0,
        }),
        ("high seed", |i| DrawKey {
            seed: i << 32,
            choice: 0,
            position: 0,
        }),
        ("choice", |i| DrawKey {
            seed: 7,
            choice: i as u32,
            position: 3,
        }),
        ("position", |i| {
            DrawKey {
                seed: 7,
                choice: 1,
                position: 0,
            }
            .at(i)
        }),
    ];
    for (what, key) in keys {
        let mut counts = [0; CELLS];
        for i in 0..64_000 {
            let uniform = key(i).uniform();
            assert!((0.0..1.0).contains(&uniform));
            counts[(uniform * CELLS as f64) as usize] += 1;
        }
        assert_fits(&counts, &[1.0 / CELLS as f64; CELLS], what);
    }
}

/// The first word of the generator makes the high bits: the published answer to an all-zero
/// counter and key begins 6627e8d5 e169c58d.
#[test]
fn the_draw_is_the_published_generator() {
    let bits = 0x6627_e8d5_e169_c58d_u64 >> 11;
    let expected = bits as f64 / (1_u64 << 53) as f64;
    assert_eq!(DrawKey::default().uniform(), expected);
}

#[test]
fn every_part_of_the_key_matters() {
    let base = DrawKey {
        seed: 5,
        choice: 5,
        position: 5,
    };
    let others = [
        DrawKey { seed: 6, ..base },
        DrawKey {
            seed: 5 | 1 << 40,
            ..base
        },
        DrawKey { choice: 6, ..base },
        base.at(6),
        base.at(5 | 1 << 40),
    ];
    for other in others {
        assert_ne!(base.uniform(), other.uniform(), "{other:?}");
    }
}

#[test]
fn many_draws_fit_the_distribution() {
    let logits = row(3, 24, 1.0, 0.0);
    let b = Sampling::builder;
    for draft in [
        b(),
        b().top_k(9),
        b().top_p(0.8),
        b().min_p(0.2),
        b().temperature(0.6),
    ] {
        let sampling = draft.build().unwrap();
        let mut sampler = Sampler::new();
        let mut choice = Choice::new(&sampling);
        let distribution = sampler.distribution(&mut logits.clone(), &choice);
        let mut counts = vec![0; distribution.len()];
        for position in 0..20_000 {
            choice.key = DrawKey {
                seed: 11,
                choice: 0,
                position,
            };
            let id = id(&sampler.sample(&mut logits.clone(), &choice)).expect("the row is finite");
            let cell = distribution.iter().position(|t| t.0 == id);
            counts[cell.expect("a token outside the distribution")] += 1;
        }
        let probabilities: Vec<f64> = distribution.iter().map(|t| t.1).collect();
        assert_fits(&counts, &probabilities, &format!("{sampling:?}"));
    }
}

/// A sampler that has done other rows chooses as a new one does.
#[test]
fn a_choice_depends_on_nothing_before_it() {
    let b = Sampling::builder;
    let drafts = [
        b(),
        b().top_k(40).top_p(0.95),
        b().top_p(0.9),
        b().min_p(0.05),
        b().top_k(3),
    ];
    let samplings = drafts.map(|d| d.build().unwrap());
    let mut used = Sampler::new();
    for position in 0..200 {
        for (i, sampling) in samplings.iter().enumerate() {
            let logits = row(position, 100 + 311 * i, 3.0, 0.0);
            let key = DrawKey {
                seed: 1,
                choice: 0,
                position,
            };
            let choice = Choice {
                key,
                ..Choice::new(sampling)
            };
            let fresh = Sampler::new().sample(&mut logits.clone(), &choice);
            assert_eq!(used.sample(&mut logits.clone(), &choice), fresh);
        }
    }
}
