//! `doctor`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Outcome, model, program, run};

/// The doctor, with an empty cache folder and no model named.
fn in_new_cache(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program([&["doctor"], arguments].concat());
    command
        .env("STREAM_ENGINE_CACHE", folder)
        .env_remove("STREAM_ENGINE_MODEL");
    command
}

fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn a_healthy_machine() {
    model();
    let outcome = run(program(["doctor", "--json"])).expect_quiet();
    let report = report(&outcome);
    assert_eq!(report["build"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["build"]["backends"][0], "candle");
    assert!(report["machine"]["logical_cpus"].as_u64().unwrap() >= 1);
    assert!(report["machine"]["memory"]["total_bytes"].as_u64().unwrap() > 1 << 28);
    let gpus = &report["machine"]["gpus"];
    assert!(
        gpus["found"].is_array() || gpus["none"].is_string(),
        "{gpus}"
    );
    let engine = &report["backends"][0];
    assert_eq!(engine["name"], "candle");
    assert!(
        engine["runs"]["device"].as_str().unwrap().contains("cpu"),
        "{engine}"
    );
    assert_eq!(engine["runs"]["context_length"], 8192);
}

#[test]
fn the_threads_that_are_asked_for_are_the_threads_that_run() {
    model();
    let outcome = run(program(["doctor", "--json", "--threads", "1"])).expect_quiet();
    let engine = &report(&outcome)["backends"][0];
    assert!(
        engine["runs"]["device"]
            .as_str()
            .unwrap()
            .contains("1 thread"),
        "{engine}"
    );
}

#[test]
fn a_device_that_no_engine_has_is_told_for_each() {
    model();
    // No machine has so many GPUs, whatever is compiled in.
    let outcome = run(program(["doctor", "--json", "--device", "cuda:999999"]));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let report = report(&outcome);
    for engine in report["backends"].as_array().unwrap() {
        let fails = engine["fails"].as_str().unwrap();
        assert!(fails.contains("cuda"), "{engine}");
    }
}

#[test]
fn the_text_says_the_same() {
    model();
    let text = run(program(["doctor"])).expect_quiet().stdout;
    for part in [
        "build\n",
        "machine\n",
        "default model\n",
        "backends\n",
        "runs on cpu",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn without_a_model_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(in_new_cache(folder.path(), &[]));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(
        outcome
            .stdout
            .contains("fetch it with `stream-engine pull`"),
        "{outcome:?}"
    );
    let outcome = run(in_new_cache(folder.path(), &["--json"]));
    let report = report(&outcome);
    assert_eq!(report["default_model"]["state"], "missing");
    assert!(report["backends"][0]["not_tried"].is_string());
}

#[test]
fn a_damaged_model_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let name = stream_checkpoint::default_model::FILE_NAME;
    std::fs::write(folder.path().join(name), "something else").unwrap();
    let outcome = run(in_new_cache(folder.path(), &["--json"]));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_eq!(report(&outcome)["default_model"]["state"], "damaged");
}

#[test]
fn a_model_that_cannot_run_is_told() {
    let outcome = run(program(["doctor", "--model", "no/such.gguf"]));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stdout.contains("fails: "), "{outcome:?}");
    assert!(outcome.stdout.contains("no/such.gguf"), "{outcome:?}");
}
