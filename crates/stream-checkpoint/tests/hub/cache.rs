//! The cache is as Python's `huggingface_hub` leaves and finds it.

use std::fs;
use std::path::Path;

use crate::lab::{FOLDER, Lab};
use crate::server::{COMMIT, Served, etag};

#[test]
fn blobs_links_and_names_of_revisions() {
    let lab = Lab::with(&FOLDER);
    lab.hub.serve(
        "model.safetensors",
        Served {
            body: b"large".to_vec(),
            large: true,
            ..Served::default()
        },
    );
    lab.locate("hf:org/model").unwrap();
    let mut expected = [
        etag(b"{}", false),
        etag(b"{\"model\": 1}", false),
        etag(b"large", true),
    ];
    expected.sort();
    assert_eq!(lab.blobs(), expected);
    assert_eq!(
        fs::read_to_string(lab.repo().join("refs/main")).unwrap(),
        COMMIT
    );
    assert_eq!(
        fs::read(lab.snapshot().join("model.safetensors")).unwrap(),
        b"large"
    );
}

#[cfg(unix)]
#[test]
fn links_are_relative_also_in_folders() {
    let lab = Lab::with(&[("q/m.gguf", "x")]);
    let path = lab.locate("hf:org/model/q/m.gguf").unwrap();
    let target = fs::read_link(&path).unwrap();
    let expected = Path::new("../../../blobs").join(etag(b"x", false));
    assert_eq!(target, expected);
}

#[test]
fn content_that_another_revision_brought_is_not_fetched_again() {
    let lab = Lab::with(&FOLDER);
    lab.locate("hf:org/model@v1").unwrap();
    lab.hub.requests();
    lab.locate("hf:org/model").unwrap();
    let asked = lab.hub.requests();
    let fetched: Vec<_> = asked
        .iter()
        .filter(|asked| asked.method == "GET" && asked.path.contains("/resolve/"))
        .collect();
    assert!(fetched.is_empty(), "{fetched:?}");
    assert_eq!(lab.blobs().len(), 3);
}

#[test]
fn a_revision_points_to_a_commit_only_when_all_of_it_is_there() {
    let lab = Lab::with(&FOLDER);
    lab.hub.serve(
        "model.safetensors",
        Served {
            body: b"x".to_vec(),
            status: Some(410),
            ..Served::default()
        },
    );
    lab.locate("hf:org/model").unwrap_err();
    assert!(!lab.repo().join("refs/main").exists());
    lab.hub.put("model.safetensors", b"x");
    lab.locate("hf:org/model").unwrap();
    assert!(lab.repo().join("refs/main").exists());
}

/// What `huggingface_hub` does for `snapshot_download`, by hand.
#[test]
fn a_cache_that_another_program_filled_is_used() {
    let lab = Lab::with(&[]);
    let blobs = lab.repo().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(lab.repo().join("refs")).unwrap();
    fs::create_dir_all(lab.snapshot()).unwrap();
    fs::write(lab.repo().join("refs/main"), COMMIT).unwrap();
    for (name, body) in &FOLDER[..3] {
        let tag = etag(body.as_bytes(), false);
        fs::write(blobs.join(&tag), body).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(format!("../../blobs/{tag}"), lab.snapshot().join(name))
            .unwrap();
        #[cfg(not(unix))]
        fs::write(lab.snapshot().join(name), body).unwrap();
    }
    assert_eq!(lab.locate_offline("hf:org/model").unwrap(), lab.snapshot());
    assert_eq!(lab.hub.requests(), []);
}
