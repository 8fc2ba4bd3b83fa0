//! Scores of tokens, against the softmax in double precision.

use proptest::prelude::*;
use stream_core::{Sampling, TokenId};
use stream_runtime::sample::Sampler;
use stream_runtime::{Choice, Next, Scored, Task};

use crate::reference::row;

fn score(logits: &[f32], token: TokenId, top: usize, usable: usize) -> Option<Scored> {
    let task = Task::Score { token, top, usable };
    match Sampler::new().perform(&mut logits.to_vec(), &task) {
        Next::Scored(scored) => Some(scored),
        Next::NoFiniteLogit => None,
        Next::Token(chosen) => panic!("nothing was to be chosen: {chosen:?}"),
    }
}

proptest! {
    #[test]
    fn scores_are_logarithms_of_probabilities(
        seed in any::<u64>(),
        length in prop_oneof![1..40_usize, 40..3000_usize],
        spread in 0.0..15.0_f32,
        grain in prop_oneof![Just(0.0_f32), Just(0.5)],
        token in any::<prop::sample::Index>(),
        top in 0..21_usize,
        usable in prop_oneof![Just(usize::MAX), 1..50_usize],
    ) {
        let logits = row(seed, length, spread, grain);
        let n = length.min(usable);
        let token = token.index(n);
        let scored = score(&logits, token as TokenId, top, usable).unwrap();

        let exact: Vec<f64> = logits[..n].iter().map(|&x| f64::from(x)).collect();
        let log_of_sum = exact.iter().map(|x| x.exp()).sum::<f64>().ln();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| exact[b].partial_cmp(&exact[a]).unwrap().then(a.cmp(&b)));
        let expected = order.iter().take(top).chain([&token]);
        for (found, &id) in scored.top.iter().chain([&scored.token]).zip(expected) {
            prop_assert_eq!(found.id as usize, id);
            prop_assert!((f64::from(found.logprob) - (exact[id] - log_of_sum)).abs() < 1e-5);
            prop_assert_eq!(order[found.rank - 1], id);
        }
        prop_assert_eq!(scored.top.len(), top.min(n));
    }
}

#[test]
fn rows_with_broken_numbers() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let scored = score(&[1.0, nan, -inf, 1.0], 3, 20, 9).unwrap();
    assert_eq!((scored.token.rank, scored.top.len()), (2, 2));
    assert!((scored.token.logprob + 2.0_f32.ln()).abs() < 1e-6);
    let impossible = score(&[1.0, nan, -inf, 1.0], 1, 0, 9).unwrap();
    assert_eq!(impossible.token.logprob, -inf);
    for row in [&[nan, -inf][..], &[], &[1.0, inf]] {
        assert_eq!(score(row, 0, 3, 9), None, "{row:?}");
    }
}

/// The row is changed before the choice; the scores are of what it was.
#[test]
fn a_choice_is_scored_before_masks_and_penalties() {
    let logits = row(3, 100, 2.0, 0.0);
    let sampling = Sampling::builder()
        .temperature(0.1)
        .logit_bias(5, 50.0)
        .build()
        .unwrap();
    let choice = Choice {
        banned: &[7, 8],
        logprobs: Some(100),
        ..Choice::new(&sampling)
    };
    let Next::Token(chosen) = Sampler::new().sample(&mut logits.clone(), &choice) else {
        panic!("the row is finite");
    };
    assert_eq!(chosen.id, 5);
    assert_eq!(
        chosen.scored.as_deref(),
        score(&logits, 5, 100, 100).as_ref()
    );
}
