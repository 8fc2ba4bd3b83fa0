//! Without a network, by choice or by accident.

use std::fs;

use stream_checkpoint::hub::HubError;

use crate::lab::{FOLDER, Lab};
use crate::server::COMMIT;

const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn what_was_fetched_is_served_from_the_cache() {
    let mut lab = Lab::with(&FOLDER);
    lab.hub.put("m-Q4_0.gguf", b"gguf");
    for reference in [
        "hf:org/model",
        "hf:org/model@v1",
        "org/model:Q4_0",
        "hf:org/model/m-Q4_0.gguf",
    ] {
        let fetched = lab.locate(reference).unwrap();
        lab.hub.requests();
        assert_eq!(
            lab.locate_offline(reference).unwrap(),
            fetched,
            "{reference}"
        );
        assert_eq!(lab.hub.requests(), []);
    }
    lab.config.endpoint = NOBODY.to_owned();
    assert_eq!(lab.locate("hf:org/model").unwrap(), lab.snapshot());
}

#[track_caller]
fn expect_missing(error: &HubError, names: &[&str], words: &str) {
    let HubError::NotCached {
        missing, folder, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(missing, names);
    let text = error.to_string();
    assert!(text.contains(words), "{text}");
    assert!(text.contains(&*folder.to_string_lossy()), "{text}");
}

#[test]
fn what_is_missing_is_told_by_name_and_place() {
    let mut lab = Lab::with(&FOLDER);
    for (reference, names) in [
        ("hf:org/model", &["config.json", "model.safetensors"][..]),
        ("hf:org/model/m.gguf", &["m.gguf"]),
        ("org/model:Q4_0", &["*Q4_0*.gguf"]),
    ] {
        let error = lab.locate_offline(reference).unwrap_err();
        expect_missing(&error, names, "HF_HUB_OFFLINE");
    }
    assert_eq!(lab.hub.requests(), []);
    lab.config.endpoint = NOBODY.to_owned();
    let error = lab.locate("hf:org/model/m.gguf").unwrap_err();
    expect_missing(&error, &["m.gguf"], "127.0.0.1:9");
}

#[test]
fn a_shard_that_is_missing() {
    let map = r#"{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}"#;
    let lab = Lab::with(&[
        ("config.json", "{}"),
        ("model.safetensors.index.json", map),
        ("m-1.safetensors", "one"),
        ("m-2.safetensors", "two"),
    ]);
    lab.locate("hf:org/model").unwrap();
    fs::remove_file(lab.snapshot().join("m-2.safetensors")).unwrap();
    let error = lab.locate_offline("hf:org/model").unwrap_err();
    expect_missing(&error, &["m-2.safetensors"], COMMIT);
}

#[cfg(unix)]
#[test]
fn a_link_whose_blob_is_gone_is_no_file() {
    let lab = Lab::with(&[("m.gguf", "x")]);
    let path = lab.locate("hf:org/model/m.gguf").unwrap();
    fs::remove_file(fs::canonicalize(&path).unwrap()).unwrap();
    let error = lab.locate_offline("hf:org/model/m.gguf").unwrap_err();
    expect_missing(&error, &["m.gguf"], COMMIT);
    // With a network it is mended.
    assert_eq!(
        fs::read(lab.locate("hf:org/model/m.gguf").unwrap()).unwrap(),
        b"x"
    );
}

#[test]
fn a_reference_that_names_no_commit_is_not_believed() {
    let lab = Lab::with(&FOLDER);
    fs::create_dir_all(lab.repo().join("refs")).unwrap();
    fs::write(lab.repo().join("refs/main"), "../../../..").unwrap();
    let error = lab.locate_offline("hf:org/model").unwrap_err();
    expect_missing(
        &error,
        &["config.json", "model.safetensors"],
        "models--org--model",
    );
}
