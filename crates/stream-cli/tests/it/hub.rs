//! Models by their name on the hub, which is a stand-in here.

use std::path::Path;
use std::process::Command;

use crate::hub_server::{Hub, REPO, Served};
use crate::program::{greedy, model, program, run};

const VARIABLES: [&str; 8] = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HUB_OFFLINE",
    "XDG_CACHE_HOME",
];

/// The program, with a hub and a cache of its own.
fn with_hub(home: &Path, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("HF_HOME", home).env("HF_ENDPOINT", endpoint);
    command
}

#[test]
fn a_model_is_pulled_then_used_then_used_without_a_network() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start();
    hub.serve(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        Served {
            body: std::fs::read(model()).unwrap(),
            large: true,
            ..Served::default()
        },
    );
    let pulled = run(with_hub(
        home.path(),
        &hub.endpoint,
        &["pull", "org/model:q4_1"],
    ));
    let path = pulled.expect_quiet().stdout;
    assert!(Path::new(path.trim_end()).is_file(), "{path}");
    hub.requests();
    let reference = format!("hf:{REPO}/SmolLM2-135M-Instruct.Q4_1.gguf");
    let arguments = greedy(&["--max-tokens", "4", "--model", &reference, "Hello"]);
    let text = run(with_hub(home.path(), &hub.endpoint, &arguments))
        .expect_quiet()
        .stdout;
    assert!(!text.trim().is_empty());
    assert_eq!(hub.requests().len(), 1);
    let mut offline = with_hub(home.path(), &hub.endpoint, &arguments);
    offline.env("HF_HUB_OFFLINE", "1");
    assert_eq!(run(offline).expect_quiet().stdout, text);
    assert!(hub.requests().is_empty());
}

#[test]
fn what_the_hub_does_not_give_is_told_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::with(&[("a-Q4_0.gguf", "x"), ("b-Q4_0.gguf", "x")]);
    for (reference, code, words) in [
        ("hf:org/model/no.gguf", 3, ["no file no.gguf", "org/model"]),
        ("org/model:Q4_0", 3, ["a-Q4_0.gguf, b-Q4_0.gguf", "several"]),
        ("hf:org/other", 3, ["org/other", "HF_TOKEN"]),
        ("hf:org/../x", 2, ["hf:org/../x", "hf:OWNER/REPO"]),
        ("no/such.gguf", 2, ["no/such.gguf", "not there"]),
    ] {
        let pulled = run(with_hub(home.path(), &hub.endpoint, &["pull", reference]));
        pulled.expect_sentence(code, &words);
    }
    hub.refuse((401, "GatedRepo"));
    let refused = run(with_hub(
        home.path(),
        &hub.endpoint,
        &["pull", "hf:org/model"],
    ));
    refused.expect_sentence(3, &["restricted", "HF_TOKEN"]);
}

#[test]
fn without_a_network_what_is_missing_is_told() {
    let home = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9";
    let pulled = run(with_hub(
        home.path(),
        nobody,
        &["pull", "hf:org/model/m.gguf"],
    ));
    pulled.expect_sentence(3, &["m.gguf is not in the cache folder", "127.0.0.1:9"]);
}

#[test]
fn the_doctor_tells_where_the_cache_is_and_fetches_nothing() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::with(&[("m.gguf", "x")]);
    let arguments = ["doctor", "--model", "hf:org/model/m.gguf"];
    let mut command = with_hub(home.path(), &hub.endpoint, &arguments);
    command.env("HF_TOKEN", "secret");
    let outcome = run(command);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    for part in [
        &home.path().join("hub").to_string_lossy(),
        &*hub.endpoint,
        "m.gguf is not in the cache folder",
    ] {
        assert!(outcome.stdout.contains(part), "no `{part}` in {outcome:?}");
    }
    assert!(!outcome.stdout.contains("secret"), "{outcome:?}");
    assert!(hub.requests().is_empty());
}
