//! Rules of this repository that no compiler checks.

mod rules;
mod tree;
mod walk;

use walk::{root, sources};

/// Applies a rule to every source file, and fails with all that it finds.
#[track_caller]
fn expect_none(rule: impl Fn(&str, &str) -> Vec<String>) {
    let files = sources();
    assert!(files.len() > 50, "only {} files were found", files.len());
    let found: Vec<_> = files
        .iter()
        .flat_map(|(path, text)| rule(path, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn files_are_short() {
    expect_none(rules::length);
}

#[test]
fn nothing_is_left_for_later() {
    expect_none(rules::unfinished);
}

#[test]
fn features_only_bring_names() {
    expect_none(rules::features);
}

#[test]
fn no_path_and_no_registry_of_one_machine() {
    expect_none(rules::places);
}

#[test]
fn every_package_takes_the_shared_lints() {
    for (path, text) in sources() {
        if path.ends_with("Cargo.toml") && text.contains("[package]") {
            assert!(text.contains("[lints]\nworkspace = true"), "{path}");
        }
    }
}

#[test]
fn the_core_forbids_unsafe_code() {
    let path = root().join("crates/stream-core/src/lib.rs");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("#![forbid(unsafe_code)]"));
}

/// Engines and number crunchers.
const ML: &[&str] = &[
    "candle",
    "gemm",
    "ort",
    "tch",
    "torch-sys",
    "onnx",
    "tokenizers",
];
/// HTTP, and what comes with it.
const HTTP: &[&str] = &[
    "http", "hyper", "reqwest", "ureq", "axum", "h2", "rustls", "httparse",
];

#[test]
fn the_core_knows_no_engine_no_http_and_no_event_loop() {
    let tree = tree::of("stream-core");
    tree::expect_absent("stream-core", &tree, ML);
    tree::expect_absent("stream-core", &tree, HTTP);
    tree::expect_absent(
        "stream-core",
        &tree,
        &["mio", "polling", "async-io", "stream-"],
    );
}

#[test]
fn the_runtime_knows_no_http_no_engine_and_no_file_format() {
    let tree = tree::of("stream-runtime");
    tree::expect_absent("stream-runtime", &tree, HTTP);
    tree::expect_absent("stream-runtime", &tree, ML);
    tree::expect_absent("stream-runtime", &tree, &["stream-checkpoint", "backend-"]);
}

#[test]
fn grammars_know_no_http_no_engine_and_no_file_format() {
    let tree = tree::of("stream-grammar");
    tree::expect_absent("stream-grammar", &tree, HTTP);
    tree::expect_absent("stream-grammar", &tree, ML);
    let formats = ["stream-checkpoint", "backend-"];
    tree::expect_absent("stream-grammar", &tree, &formats);
}

#[test]
fn the_checkpoint_reader_knows_no_engine() {
    let tree = tree::of("stream-checkpoint");
    let engines = ["candle", "ort", "tch", "stream-runtime", "backend-"];
    tree::expect_absent("stream-checkpoint", &tree, &engines);
}

#[test]
fn http_comes_with_the_hub_alone() {
    let tree = tree::without_features("stream-checkpoint");
    tree::expect_absent("stream-checkpoint", &tree, HTTP);
    for engine in tree::engines() {
        tree::expect_absent(&engine, &tree::of(&engine), &["hf-hub", "ureq"]);
    }
}

#[test]
fn the_bench_knows_no_engine_and_no_http() {
    let tree = tree::of("stream-bench");
    tree::expect_absent("stream-bench", &tree, HTTP);
    tree::expect_absent("stream-bench", &tree, ML);
    let ours = [
        "backend-",
        "stream-runtime",
        "stream-checkpoint",
        "stream-engine",
    ];
    tree::expect_absent("stream-bench", &tree, &ours);
}

#[test]
fn the_server_knows_no_engine_and_no_file_format() {
    let tree = tree::of("stream-server");
    tree::expect_absent("stream-server", &tree, ML);
    let ours = [
        "backend-",
        "stream-runtime",
        "stream-checkpoint",
        "stream-engine",
    ];
    tree::expect_absent("stream-server", &tree, &ours);
}

#[test]
fn libtorch_is_linked_where_it_is_asked_for_alone() {
    let packages = [
        "stream-cli",
        "stream-engine",
        "stream-benches",
        "backend-libtorch",
    ];
    for package in packages {
        tree::expect_absent(package, &tree::by_default(package), &["tch", "torch-sys"]);
    }
    assert!(tree::of("stream-cli").contains("tch"));
}

#[test]
fn the_remote_engine_knows_no_loop_and_no_file_format() {
    let tree = tree::of("backend-vllm");
    tree::expect_absent("backend-vllm", &tree, ML);
    let ours = ["stream-runtime", "stream-checkpoint", "stream-server"];
    tree::expect_absent("backend-vllm", &tree, &ours);
}

#[test]
fn no_engine_knows_another() {
    let engines = tree::engines();
    assert!(!engines.is_empty());
    for engine in &engines {
        let tree = tree::of(engine);
        tree::expect_absent(engine, &tree, &["backend-"]);
        tree::expect_absent(engine, &tree, &["stream-engine", "stream-cli"]);
    }
}
