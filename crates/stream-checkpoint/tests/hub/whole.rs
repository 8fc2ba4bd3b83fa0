//! What is fetched for each form of a reference.

use std::fs;
use std::path::Path;

use stream_checkpoint::Checkpoint;

use crate::lab::{FOLDER, Lab, names};
use crate::server::{COMMIT, Served, TAGGED};

#[test]
fn a_folder_is_fetched_as_far_as_it_is_needed() {
    let lab = Lab::with(&FOLDER);
    let folder = lab.locate("hf:org/model").unwrap();
    assert_eq!(folder, lab.snapshot());
    assert_eq!(
        names(&folder),
        ["config.json", "model.safetensors", "tokenizer.json"]
    );
    for (name, body) in &FOLDER[..3] {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), *body);
    }
    assert!(!lab.hub.requests().is_empty());
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let lab = Lab::with(&FOLDER);
    lab.locate("hf:org/model").unwrap();
    lab.hub.requests();
    lab.locate("hf:org/model").unwrap();
    let asked = lab.hub.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].path.ends_with("/revision/main"), "{asked:?}");
    // A commit never changes.
    lab.locate(&format!("hf:org/model@{COMMIT}")).unwrap();
    assert_eq!(lab.hub.requests(), []);
}

#[test]
fn shards_come_with_their_list() {
    let map = r#"{"metadata": {"total_size": 2}, "weight_map": {"a": "model-1.safetensors",
        "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
    let lab = Lab::with(&[
        ("config.json", "{}"),
        ("model.safetensors.index.json", map),
        ("model-1.safetensors", "one"),
        ("model-2.safetensors", "two"),
        ("model-3.safetensors", "not named"),
    ]);
    let folder = lab.locate("hf:org/model").unwrap();
    let expected = [
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "model.safetensors.index.json",
    ];
    assert_eq!(names(&folder), expected);
}

#[test]
fn one_file_alone() {
    let lab = Lab::with(&FOLDER);
    lab.hub.put("deep/in a/m.gguf", b"gguf");
    let path = lab.locate("hf:org/model/deep/in a/m.gguf").unwrap();
    assert_eq!(path, lab.snapshot().join("deep/in a/m.gguf"));
    assert_eq!(fs::read(&path).unwrap(), b"gguf");
    assert_eq!(names(&lab.snapshot()), ["deep"]);
}

#[test]
fn a_file_by_its_quantisation() {
    let lab = Lab::with(&[("m-Q4_0.gguf", "four"), ("m-Q8_0.gguf", "eight")]);
    let path = lab.locate("org/model:q8_0").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"eight");
    assert_eq!(names(&lab.snapshot()), ["m-Q8_0.gguf"]);
    let error = lab.locate("hf:org/model").unwrap_err().to_string();
    assert!(error.contains("m-Q4_0.gguf, m-Q8_0.gguf"), "{error}");
}

#[test]
fn another_revision() {
    let lab = Lab::with(&FOLDER);
    let folder = lab.locate("hf:org/model@v1").unwrap();
    assert!(folder.ends_with(TAGGED), "{folder:?}");
    let reference = fs::read_to_string(lab.repo().join("refs/v1")).unwrap();
    assert_eq!(reference, TAGGED);
    assert!(!lab.repo().join("refs/main").exists());
}

#[test]
fn a_renamed_repository() {
    let lab = Lab::with(&FOLDER);
    let folder = lab.locate("hf:old/name").unwrap();
    assert_eq!(names(&folder).len(), 3);
    assert!(
        folder.to_string_lossy().contains("models--old--name"),
        "{folder:?}"
    );
}

#[test]
fn progress_is_told_for_each_file() {
    let lab = Lab::new(crate::server::Hub::start());
    lab.hub.serve(
        "m.gguf",
        Served {
            body: vec![7; 1 << 20],
            large: true,
            ..Served::default()
        },
    );
    struct Told(Vec<(String, u64, u64)>);
    impl stream_checkpoint::hub::Progress for Told {
        fn advance(&mut self, file: &str, done: u64, total: u64) {
            self.0.push((file.to_owned(), done, total));
        }
    }
    let mut told = Told(Vec::new());
    lab.locate_with("hf:org/model/m.gguf", &mut told).unwrap();
    let total = 1 << 20;
    assert_eq!(told.0.first(), Some(&("m.gguf".to_owned(), 0, total)));
    assert_eq!(told.0.last(), Some(&("m.gguf".to_owned(), total, total)));
    assert!(told.0.len() > 3, "{told:?}", told = told.0);
    assert!(told.0.is_sorted_by_key(|(_, done, _)| *done));
}

/// The links of a snapshot lead out of its folder, into the blobs beside it.
#[test]
fn a_folder_that_came_from_the_hub_can_be_opened() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/qwen2/hf");
    let lab = Lab::with(&[]);
    for name in names(&fixtures) {
        let body = fs::read(fixtures.join(&name)).unwrap();
        let large = body.len() > 10_000;
        lab.hub.serve(
            &name,
            Served {
                body,
                large,
                ..Served::default()
            },
        );
    }
    let folder = lab.locate("hf:org/model").unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    assert_eq!(checkpoint.architecture().family, "qwen2");
}
