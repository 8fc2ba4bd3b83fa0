//! Penalties, by their definitions.

use stream_core::{Sampling, SamplingBuilder};
use stream_runtime::sample::{Sampler, TokenCounts};
use stream_runtime::{Choice, Next};

/// Tokens 0 and 1 stand in the prompt, 1 once and 2 three times in the answer, 3 nowhere.
fn history() -> TokenCounts {
    let mut counts = TokenCounts::default();
    counts.record_prompt(&[1, 0, 1]);
    for id in [2, 1, 2, 2] {
        counts.record_answer(id);
    }
    counts
}

/// The logits after the penalties, which [`Sampler::sample`] leaves in the row.
fn penalised(logits: &[f32], builder: SamplingBuilder) -> Vec<f32> {
    let (sampling, history) = (builder.build().unwrap(), history());
    let mut logits = logits.to_vec();
    Sampler::new().sample(
        &mut logits,
        &Choice {
            history: &history,
            ..Choice::new(&sampling)
        },
    );
    logits
}

#[test]
fn each_penalty() {
    let (up, down) = ([4.0_f32; 4], [-4.0_f32; 4]);
    let b = Sampling::builder;
    let cases: [(SamplingBuilder, [f32; 4], [f32; 4]); 7] = [
        (b(), up, down),
        (
            b().repetition_penalty(2.0),
            [2.0, 2.0, 2.0, 4.0],
            [-8.0, -8.0, -8.0, -4.0],
        ),
        (
            b().repetition_penalty(0.5),
            [8.0, 8.0, 8.0, 4.0],
            [-2.0, -2.0, -2.0, -4.0],
        ),
        (
            b().presence_penalty(1.0),
            [4.0, 3.0, 3.0, 4.0],
            [-4.0, -5.0, -5.0, -4.0],
        ),
        (
            b().frequency_penalty(0.5),
            [4.0, 3.5, 2.5, 4.0],
            [-4.0, -4.5, -5.5, -4.0],
        ),
        (
            b().frequency_penalty(-0.5),
            [4.0, 4.5, 5.5, 4.0],
            [-4.0, -3.5, -2.5, -4.0],
        ),
        (
            b().repetition_penalty(2.0)
                .presence_penalty(1.0)
                .frequency_penalty(0.5),
            [2.0, 0.5, -0.5, 4.0],
            [-8.0, -9.5, -10.5, -4.0],
        ),
    ];
    for (builder, from_up, from_down) in cases {
        assert_eq!(penalised(&up, builder.clone()), from_up, "{builder:?}");
        assert_eq!(penalised(&down, builder.clone()), from_down, "{builder:?}");
    }
}

#[test]
fn greedy_is_penalised_too() {
    let sampling = Sampling::builder().temperature(0.0).repetition_penalty(1.5);
    let (sampling, history) = (sampling.build().unwrap(), history());
    let next = |mut logits: [f32; 4]| {
        Sampler::new().sample(
            &mut logits,
            &Choice {
                history: &history,
                ..Choice::new(&sampling)
            },
        )
    };
    assert_eq!(next([3.0, 1.0, 1.0, 2.5]), Next::Token(3.into()));
    assert_eq!(next([4.0, 1.0, 1.0, 2.5]), Next::Token(0.into()));
}

#[test]
fn extreme_penalties_do_not_break_a_row() {
    let tiny = Sampling::builder().repetition_penalty(1e-40);
    let logits = penalised(&[5.0, -5.0, f32::MAX, f32::NAN], tiny);
    assert!(logits[..3].iter().all(|x| x.is_finite()), "{logits:?}");
    let large = Sampling::builder()
        .repetition_penalty(10.0)
        .presence_penalty(2.0);
    let logits = penalised(&[f32::MIN, 0.0, f32::NEG_INFINITY, f32::INFINITY], large);
    assert_eq!(logits, [f32::MIN, -2.0, f32::NEG_INFINITY, f32::INFINITY]);
}

#[test]
fn a_banned_token_stays_impossible() {
    let sampling = Sampling::builder().frequency_penalty(-2.0).build().unwrap();
    let history = history();
    let banned = [2];
    let choice = Choice {
        banned: &banned,
        ..Choice {
            history: &history,
            ..Choice::new(&sampling)
        }
    };
    let mut logits = [0.0; 4];
    let distribution = Sampler::new().distribution(&mut logits, &choice);
    let ids: Vec<_> = distribution.iter().map(|t| t.0).collect();
    assert_eq!(ids, [0, 1, 3]);
}

#[test]
fn tokens_outside_the_row_are_passed_over() {
    let mut counts = history();
    counts.record_answer(u32::MAX);
    let sampling = Sampling::builder().presence_penalty(2.0).build().unwrap();
    let mut logits = [1.0; 2];
    let choice = Choice {
        history: &counts,
        ..Choice::new(&sampling)
    };
    Sampler::new().sample(&mut logits, &choice);
    assert_eq!(logits, [1.0, -1.0]);
}

#[test]
fn counts_keep_prompt_and_answer_apart() {
    let mut counts = TokenCounts::default();
    assert!(counts.is_empty());
    counts.record_answer(9);
    counts.record_prompt(&[9, 3, 3, 7]);
    counts.record_answer(3);
    counts.record_answer(9);
    assert!(!counts.is_empty());
    let all: Vec<_> = counts.iter().collect();
    assert_eq!(all, [(3, 1), (7, 0), (9, 2)]);
    assert_eq!([3, 7, 8, 9].map(|id| counts.in_answer(id)), [1, 0, 0, 2]);
    assert_eq!(
        [3, 7, 8, 9].map(|id| counts.contains(id)),
        [true, true, false, true]
    );
}
