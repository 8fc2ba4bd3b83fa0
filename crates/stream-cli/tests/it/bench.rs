//! `bench`, on a model of a few kilobytes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Outcome, program, run};

const MODEL: &str = "../stream-checkpoint/tests/fixtures/families/llama-biases/llama-biases.gguf";

/// A short bench with `arguments`.
fn bench(arguments: &[&str]) -> Outcome {
    let short = ["bench", "--model", MODEL, "--threads", "1"];
    run(program([&short[..], arguments].concat()))
}

/// Two prompts of eight tokens, twice.
const FEW: [&str; 8] = [
    "--prompt-tokens",
    "8",
    "--num-prompts",
    "2",
    "--repeat",
    "2",
    "--max-tokens",
    "3",
];

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn an_engine_against_itself_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (json_path, html_path) = (folder.path().join("b.json"), folder.path().join("b.html"));
    let files = [
        "--json",
        json_path.to_str().unwrap(),
        "--html",
        html_path.to_str().unwrap(),
    ];
    let twice = ["--backends", "candle,candle", "--concurrency", "1,2"];
    let twice = [&twice[..], &["--speculative-tokens", "0"]].concat();
    let goal = ["--goodput", "ttft:60000", "tpot:60000"];
    let outcome = bench(&[&twice[..], &goal, &files, &FEW].concat()).expect_quiet();
    for part in ["candle #2", "c=2", "TTFT", "Ratios", "goodput", "sha256"] {
        assert!(
            outcome.stdout.contains(part),
            "no `{part}` in {}",
            outcome.stdout
        );
    }
    let report = json(&json_path);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2 * 2 * 2);
    for run in runs {
        assert_eq!(
            (&run["completed"], &run["failed"]),
            (&2.into(), &0.into()),
            "{run}"
        );
        assert_eq!(run["total_input_tokens"], 16);
        assert_eq!(run["total_output_tokens"], 6);
        assert_eq!(run["request_goodput"], run["request_throughput"]);
    }
    let order = runs.iter().map(|run| run["label"].as_str().unwrap().len());
    let (one, two) = ("candle".len(), "candle #2".len());
    assert_eq!(
        order.collect::<Vec<_>>(),
        [one, two, one, two, two, one, two, one]
    );
    let contender = &report["contenders"][1];
    assert_eq!(contender["threads"], 1);
    assert!(contender["start_up_s"].as_f64().unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        assert!(contender["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    }
    let file = &report["about"]["model"]["files"][0];
    assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    let page = fs::read_to_string(html_path).unwrap();
    assert!(page.contains("</html>") && !page.contains("http"), "{page}");
}

#[test]
fn markdown_is_led_by_the_table_of_llama_bench() {
    let outcome = bench(&[&FEW[..], &["--markdown"]].concat()).expect_quiet();
    assert!(
        outcome.stdout.starts_with("| model | size | params |"),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("| pp8 |"), "{outcome:?}");
}

#[test]
fn every_kind_of_load_and_of_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let dataset = write("d.jsonl", "{\"prompt\": \"a b\"}\n{\"prompt\": \"c\"}\n");
    let line = "{\"timestamp\": 0, \"input_length\": 5, \"output_length\": 2}\n";
    let trace = write("t.jsonl", &line.repeat(3));
    let report = folder.path().join("b.json");
    let into = ["--json", report.to_str().unwrap()];
    let requests = |arguments: &[&str]| {
        let outcome = bench(&[arguments, &into].concat()).expect_quiet();
        let report = json(&report);
        let run = &report["runs"][0];
        assert_eq!(run["failed"], 0, "{outcome:?}");
        (
            run["num_prompts"].as_u64().unwrap(),
            run["load"].as_str().unwrap().to_owned(),
        )
    };
    let open = [&FEW[..], &["--rate", "inf"]].concat();
    assert_eq!(requests(&open), (2, "rate=inf".to_owned()));
    let file = [
        "--dataset",
        &dataset,
        "--num-prompts",
        "3",
        "--rate",
        "200",
        "--max-tokens",
        "2",
    ];
    assert_eq!(requests(&file), (3, "rate=200".to_owned()));
    assert_eq!(requests(&["--trace", &trace]), (3, "trace".to_owned()));
}

#[test]
fn what_cannot_take_part_is_listed_with_its_reason() {
    let outcome = bench(&[&FEW[..], &["--contender", "peer=no-such-program --fast"]].concat());
    let outcome = outcome.expect_quiet();
    let reason = "did not start: `no-such-program` cannot be started";
    assert!(outcome.stdout.contains(reason), "{outcome:?}");
    assert!(outcome.stdout.contains("c=1"), "{outcome:?}");
}

#[test]
fn a_program_in_another_language_takes_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.json");
    let peer = "peer=python3 ../../xtask/peers/worker.py mock --model m --threads 1";
    let with_peer = ["--contender", peer, "--json", path.to_str().unwrap()];
    bench(&[&FEW[..], &["--concurrency", "1,2"], &with_peer].concat());
    let report = json(&path);
    let contenders = report["contenders"].as_array().unwrap();
    assert_eq!(contenders.last().unwrap()["ready"]["backend"], "mock");
    let runs = report["runs"].as_array().unwrap();
    let peers: Vec<_> = runs.iter().filter(|run| run["label"] == "peer").collect();
    assert_eq!(peers.len(), 2 * 2);
    for run in peers {
        assert_eq!((&run["completed"], &run["failed"]), (&2.into(), &0.into()));
        assert_eq!(
            (&run["total_input_tokens"], &run["total_output_tokens"]),
            (&16.into(), &6.into())
        );
    }
}

#[test]
fn wrong_input_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = folder.path().join("d.jsonl");
    fs::write(&dataset, "{\"prompt\": \"a\"}\n{\"prompt\": 5}\n").unwrap();
    let dataset = dataset.to_str().unwrap();
    for (code, arguments, words) in [
        (2, &["--backends", "abacus"][..], &["abacus", "candle"][..]),
        (
            2,
            &["--goodput", "itl:5"],
            &["`itl:5` is no goal", "ttft:200"],
        ),
        (2, &["--dataset", dataset], &["d.jsonl: line 2: "]),
        (
            2,
            &["--dataset", "no/such.jsonl"],
            &["no/such.jsonl: it cannot be read"],
        ),
        (
            2,
            &["--shared-prefix", "128"],
            &["shared prefix has 128", "which has 128"],
        ),
        (
            2,
            &["--json", "no/such/b.json"],
            &["no/such/b.json cannot be written"],
        ),
        (3, &["--model", "no/such.gguf"], &["no/such.gguf"]),
    ] {
        let model = ["bench", "--model", MODEL];
        let given = match arguments[0] {
            "--model" => [&["bench"], arguments].concat(),
            _ => [&model[..], arguments].concat(),
        };
        run(program(given)).expect_sentence(code, words);
    }
}

#[test]
fn lists_that_cannot_be_read() {
    for arguments in [
        ["--concurrency", "1,many"],
        ["--concurrency", "0"],
        ["--threads", "1,,2"],
        ["--rate", "0"],
        ["--prompt-tokens", "9-8"],
        ["--max-tokens", "0"],
        ["--contender", "name"],
        ["--repeat", "0"],
    ] {
        let outcome = run(program([&["bench"], &arguments[..]].concat()));
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(arguments[0]), "{outcome:?}");
    }
}

#[test]
fn exports_are_measured_with_their_graph_and_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.json");
    let exports = "../backend-onnx/tests/exports";
    for (export, names) in [
        ("genai", &["model.onnx", "model.onnx.data"][..]),
        ("optimum", &["model.onnx"]),
        ("optimum/onnx/model.onnx", &["model.onnx"]),
    ] {
        let model = format!("{exports}/{export}");
        let chosen = ["bench", "--backends", "onnx", "--model", &model];
        let into = ["--json", path.to_str().unwrap()];
        let outcome = run(program([&chosen[..], &FEW, &into].concat())).expect_quiet();
        let report = json(&path);
        let about = &report["about"]["model"];
        let files = about["files"].as_array().unwrap();
        let found: Vec<_> = files.iter().map(|file| &file["name"]).collect();
        assert_eq!(found, names);
        assert!(about["parameters"].is_null(), "{about}");
        assert!(!outcome.stdout.contains("parameters"), "{outcome:?}");
        assert_eq!(report["runs"][0]["completed"], 2, "{outcome:?}");
    }
}
