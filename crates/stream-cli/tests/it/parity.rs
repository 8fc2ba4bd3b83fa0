//! `parity`.

use serde_json::Value;

use crate::program::{model, program, run};

#[test]
fn candle_and_onnx_agree_on_the_default_model() {
    model();
    let arguments = [
        "parity",
        "--backends",
        "candle,onnx",
        "--max-tokens",
        "24",
        "--json",
    ];
    let outcome = run(program(arguments)).expect_quiet();
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["reference"], "candle");
    assert_eq!(report["agrees"], true);
    let onnx = &report["engines"][0];
    assert_eq!(
        (&onnx["engine"], &onnx["answers"]),
        (&"onnx".into(), &8.into())
    );
    assert!(onnx["positions"].as_u64().unwrap() > 200, "{onnx}");
    let largest = onnx["largest_difference"].as_f64().unwrap();
    assert!(
        largest > 0.0 && largest >= onnx["mean_difference"].as_f64().unwrap(),
        "{onnx}"
    );
}

#[test]
fn an_engine_agrees_with_itself_and_a_tolerance_can_be_missed() {
    model();
    let twice = ["parity", "--backends", "candle,candle", "--max-tokens", "4"];
    let text = run(program(twice)).expect_quiet().stdout;
    for part in ["100.00 %", "first divergence", "none", "they agree"] {
        assert!(text.contains(part), "{text}");
    }
    let strict = ["--max-mean-difference", "-1"].map(str::to_owned);
    let strict = twice
        .map(str::to_owned)
        .into_iter()
        .chain([strict.join("=")]);
    let outcome = run(program(strict));
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.stdout.contains("they do not agree"), "{outcome:?}");
}

#[test]
fn engines_with_precisions_of_their_own_agree_to_the_last_choice() {
    model();
    let engines = ["--backends", "candle:f32,onnx:exact", "--max-tokens", "2"];
    let strict = ["--min-agreement", "100", "--max-mean-difference", "0.001"];
    let text = run(program([&["parity"][..], &engines, &strict].concat())).expect_quiet();
    for part in ["candle:f32 on cpu", "onnx:exact on cpu", "accuracy level 1"] {
        assert!(text.stdout.contains(part), "{text:?}");
    }
    let impossible = ["parity", "--backends", "candle,onnx:bf16"];
    run(program(impossible)).expect_sentence(2, &["native, exact, f32"]);
}

#[test]
fn one_engine_is_not_compared() {
    run(program(["parity", "--backends", "candle"])).expect_sentence(2, &["two engines"]);
}

#[test]
fn exports_can_be_compared() {
    let export = "../backend-onnx/tests/exports/genai";
    let arguments = ["parity", "--model", export, "--max-tokens", "4"];
    let twice = [&arguments[..], &["--backends", "onnx,onnx"]].concat();
    let text = run(program(twice)).expect_quiet().stdout;
    for part in ["an export", "100.00 %", "they agree"] {
        assert!(text.contains(part), "{text}");
    }
    let other = [&arguments[..], &["--backends", "candle,onnx"]].concat();
    run(program(other)).expect_sentence(3, &["without a model"]);
}
