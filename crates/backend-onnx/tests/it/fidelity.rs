//! The model against Python transformers in `f32`, token by token along its own continuation.

use backend_onnx::{OnnxOptions, Precision};
use serde_json::Value;
use stream_core::TokenId;

use crate::support::{Part, argmax, forward, model};

/// One prompt with the reference's greedy continuation.
struct Case {
    prompt: Vec<TokenId>,
    output: Vec<TokenId>,
    /// By how much its best token was ahead of the second, at each step.
    gaps: Vec<f64>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../backend-candle/tests/fixtures/smollm2-135m-q4_1-greedy.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let ids = |value: &Value| -> Vec<TokenId> { serde_json::from_value(value.clone()).unwrap() };
    let case = |case: &Value| Case {
        prompt: ids(&case["prompt"]),
        output: ids(&case["output"]),
        gaps: serde_json::from_value(case["gaps"].clone()).unwrap(),
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

/// How many steps there are, and the gap of each at which another token came out.
fn missed(precision: Precision) -> (usize, Vec<f64>) {
    let mut model = model(&OnnxOptions {
        precision,
        ..OnnxOptions::default()
    });
    let (mut steps, mut missed) = (0, Vec::new());
    for case in cases() {
        let tokens = [&case.prompt[..], &case.output[..case.output.len() - 1]].concat();
        let mut part = Part::whole((0..16).collect(), &tokens);
        part.sample.start = case.prompt.len() - 1;
        let logits = forward(&mut model, &[part]);
        steps += logits.len();
        let pairs = logits.iter().zip(&case.output).zip(&case.gaps);
        missed.extend(
            pairs
                .filter(|((logits, id), _)| argmax(logits) != **id)
                .map(|(_, gap)| *gap),
        );
    }
    println!(
        "{precision:?}: {} of {steps} missed, at gaps {missed:?}",
        missed.len()
    );
    (steps, missed)
}

#[test]
fn single_precision_agrees_with_transformers() {
    let (steps, missed) = missed(Precision::F32);
    assert_eq!(steps, 333);
    assert!(missed.iter().all(|gap| *gap <= 0.01), "{missed:?}");
}

#[test]
fn exact_products_agree_with_transformers() {
    let (steps, missed) = missed(Precision::Exact);
    assert_eq!(steps, 333);
    assert!(missed.iter().all(|gap| *gap <= 0.02), "{missed:?}");
}

#[test]
fn quantised_weights_agree_where_the_reference_is_sure() {
    let (steps, missed) = missed(Precision::Native);
    assert_eq!(steps, 333);
    assert!(missed.iter().all(|gap| *gap <= 0.5), "{missed:?}");
}
