//! XTC's second number, and mirostat's bound over a whole answer.

use stream_core::{Mirostat, Sampling, Xtc};
use stream_runtime::sample::{DrawKey, Sampler};
use stream_runtime::{Choice, Next};

use crate::reference::{distribution, row};

fn key(position: u64) -> DrawKey {
    DrawKey {
        seed: 17,
        choice: 2,
        position,
    }
}

#[test]
fn xtc_excludes_as_often_as_it_is_told() {
    let logits = row(5, 50, 1.0, 0.0);
    for probability in [0.1, 0.5, 0.9, 1.0] {
        let xtc = Xtc {
            probability,
            threshold: 0.03,
        };
        let sampling = Sampling::builder().xtc(xtc).build().unwrap();
        let mut sampler = Sampler::new();
        let excluded = (0..2000).filter(|&position| {
            let choice = Choice {
                key: key(position),
                ..Choice::new(&sampling)
            };
            sampler.distribution(&mut logits.clone(), &choice).len() < 50
        });
        let excluded = excluded.count() as f32 / 2000.0;
        // Four standard deviations; the keys are fixed.
        let spread = 4.0 * (probability * (1.0 - probability) / 2000.0).sqrt();
        assert!(
            (excluded - probability).abs() <= spread,
            "{excluded} for {probability}"
        );
    }
}

/// With the pairs of numbers on a square, every cell has its share.
#[test]
fn the_two_numbers_of_a_key_are_independent() {
    const SIDE: usize = 16;
    const PAIRS: u64 = 64_000;
    let mut cells = [[0_u32; SIDE]; SIDE];
    let cell = |x: f64| (x * SIDE as f64) as usize;
    for position in 0..PAIRS {
        let key = key(position);
        cells[cell(key.uniform())][cell(key.uniform_of_xtc())] += 1;
    }
    let expected = PAIRS as f64 / (SIDE * SIDE) as f64;
    let deviation = |&count: &u32| (f64::from(count) - expected).powi(2) / expected;
    let statistic: f64 = cells.iter().flatten().map(deviation).sum();
    let degrees = (SIDE * SIDE - 1) as f64;
    let off = (statistic - degrees) / (2.0 * degrees).sqrt();
    assert!(
        off.abs() < 5.0,
        "{statistic} with {degrees} degrees of freedom"
    );
}

#[test]
fn xtc_keeps_the_last_that_reaches_the_threshold() {
    // ½, ¼, ⅛, 1/16, 1/16.
    let halves = [0.125_f32, 0.5, 0.0625, 0.25, 0.0625].map(f32::ln);
    let kept = |threshold| {
        let xtc = Xtc {
            probability: 1.0,
            threshold,
        };
        let sampling = Sampling::builder().xtc(xtc).build().unwrap();
        let found = Sampler::new().distribution(&mut halves.to_vec(), &Choice::new(&sampling));
        found.iter().map(|t| t.0).collect::<Vec<_>>()
    };
    assert_eq!(kept(0.3), [0, 1, 2, 3, 4], "one alone is not excluded");
    assert_eq!(kept(0.2), [0, 2, 3, 4]);
    assert_eq!(kept(0.1), [0, 2, 4]);
    assert_eq!(kept(0.06), [4], "of equal ones the last");
}

/// μ ← μ − η (s − τ), with s in bits in the distribution that was drawn from.
#[test]
fn mirostats_bound_follows_its_definition() {
    for (tau, eta) in [(5.0, 0.1), (2.0, 0.5), (8.0, 1.0)] {
        let sampling = Sampling::builder()
            .mirostat(Mirostat { tau, eta })
            .temperature(1.3);
        let sampling = sampling.build().unwrap();
        let mut mu = Choice::new(&sampling).mu;
        assert_eq!(mu, 2.0 * tau);
        let mut exact = f64::from(mu);
        let mut sampler = Sampler::new();
        for position in 0..200 {
            let logits = row(position, 700, 2.5, 0.0);
            let choice = Choice {
                key: key(position),
                mu,
                ..Choice::new(&sampling)
            };
            let Next::Token(chosen) = sampler.sample(&mut logits.clone(), &choice) else {
                panic!("the row is finite");
            };
            if let Some(expected) = distribution(&logits, &choice) {
                let drawn = expected
                    .iter()
                    .find(|t| t.0 == chosen.id)
                    .expect("a token of the rest");
                exact -= f64::from(eta) * (-drawn.1.log2() - f64::from(tau));
                assert!(
                    (f64::from(chosen.mu) - exact).abs() < 1e-3,
                    "{} is not {exact}",
                    chosen.mu
                );
            }
            mu = chosen.mu;
            exact = f64::from(mu);
        }
    }
}

/// What mirostat is for. The surprise is that in the distribution that was drawn from.
#[test]
fn mirostat_keeps_the_surprise_near_its_target() {
    for tau in [2.0, 4.0, 6.0] {
        let mirostat = Mirostat { tau, eta: 0.2 };
        let sampling = Sampling::builder().mirostat(mirostat).build().unwrap();
        let (mut mu, mut surprise, mut sampler) = (2.0 * tau, 0.0, Sampler::new());
        for position in 0..400 {
            let mut logits = row(position, 4000, 2.0, 0.0);
            let choice = Choice {
                key: key(position),
                mu,
                ..Choice::new(&sampling)
            };
            let rest = sampler.distribution(&mut logits.clone(), &choice);
            let Next::Token(chosen) = sampler.sample(&mut logits, &choice) else {
                panic!("the row is finite");
            };
            let drawn = rest
                .iter()
                .find(|t| t.0 == chosen.id)
                .expect("it is possible");
            surprise -= drawn.1.log2();
            mu = chosen.mu;
        }
        let mean = surprise / 400.0;
        assert!((mean - f64::from(tau)).abs() < 0.3, "{mean} bits for {tau}");
    }
}
