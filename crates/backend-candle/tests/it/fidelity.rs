//! The model against Python transformers in `f32`, token by token along its own continuation.

use serde_json::Value;
use stream_core::TokenId;

use crate::engine::{Options, Precision};
use crate::support::{Part, argmax, forward, log_probability, model};

/// One prompt with the reference's greedy continuation.
struct Case {
    name: String,
    prompt: Vec<TokenId>,
    output: Vec<TokenId>,
    /// By how much its best token was ahead of the second, at each step.
    gaps: Vec<f64>,
    /// Its five best first tokens with their log-probabilities.
    first: Vec<(TokenId, f64)>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../fixtures/smollm2-135m-q4_1-greedy.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let ids = |value: &Value| -> Vec<TokenId> { serde_json::from_value(value.clone()).unwrap() };
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        prompt: ids(&case["prompt"]),
        output: ids(&case["output"]),
        gaps: serde_json::from_value(case["gaps"].clone()).unwrap(),
        first: serde_json::from_value(case["first"].clone()).unwrap(),
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

/// The largest differences over all cases.
#[derive(Debug, Default)]
pub(crate) struct Worst {
    /// Of a first token's log-probability.
    first: f64,
    /// Gap of a step where another token came out.
    pub(crate) missed_gap: f64,
    missed: usize,
    pub(crate) steps: usize,
}

pub(crate) fn compare(precision: Precision) -> Worst {
    let mut model = model(&Options {
        precision,
        ..Options::default()
    });
    let mut worst = Worst::default();
    for case in cases() {
        let tokens = [&case.prompt[..], &case.output[..case.output.len() - 1]].concat();
        let mut part = Part::whole((0..16).collect(), &tokens);
        part.sample.start = case.prompt.len() - 1;
        let logits = forward(&mut model, &[part]);
        for &(id, wanted) in &case.first {
            worst.first = worst
                .first
                .max((log_probability(&logits[0], id) - wanted).abs());
        }
        for (step, logits) in logits.iter().enumerate() {
            worst.steps += 1;
            if argmax(logits) != case.output[step] {
                println!(
                    "{}: step {step} differs at a gap of {}",
                    case.name, case.gaps[step]
                );
                worst.missed += 1;
                worst.missed_gap = worst.missed_gap.max(case.gaps[step]);
            }
        }
    }
    println!("{precision:?}: {worst:?}");
    worst
}

#[test]
fn single_precision_agrees_with_transformers() {
    let worst = compare(Precision::F32);
    assert_eq!(worst.steps, 333);
    assert!(worst.missed_gap <= 0.01, "{worst:?}");
    assert!(worst.first <= 0.001, "{worst:?}");
}

#[test]
fn quantised_weights_agree_where_the_reference_is_sure() {
    let worst = compare(Precision::Native);
    assert_eq!(worst.steps, 333);
    assert!(worst.missed_gap <= 0.5, "{worst:?}");
    assert!(worst.first <= 0.3, "{worst:?}");
}
