//! Opening files: what kinds there are, by mapping and by reading.

use std::fs;

use stream_checkpoint::{Access, Checkpoint, Fault, WeightId};

use crate::gguf_writer::Value;
use crate::tiny_model::file;

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Checkpoint::open(folder.path()).expect_err("a folder");
    assert!(
        matches!(error.fault(), Fault::UnsupportedFormat { .. }),
        "{error}"
    );
    assert_eq!(error.path(), folder.path());
    let text = error.to_string();
    assert!(
        text.contains("is a folder without a model; known are: GGUF files (.gguf)"),
        "{text}"
    );

    let absent = folder.path().join("absent.gguf");
    let error = Checkpoint::open(&absent).expect_err("nothing there");
    assert!(matches!(error.fault(), Fault::Io(_)), "{error}");
    assert!(
        error.to_string().contains("absent.gguf: cannot be read"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_not_read() {
    let error = Checkpoint::open("/dev/zero").expect_err("not a file");
    assert!(
        error.to_string().contains("is not a regular file"),
        "{error}"
    );
}

#[test]
fn mapped_and_read_are_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiny.gguf");
    fs::write(&path, file().bytes()).expect("written");
    let mapped = Checkpoint::open_with(&path, Access::Map).expect("mapped");
    let read = Checkpoint::open_with(&path, Access::Read).expect("read");
    // A file that was read may change; its tensors stay.
    fs::remove_file(&path).expect("removed");
    for id in WeightId::all(mapped.architecture()) {
        let [mapped, read] = [&mapped, &read].map(|c| c.weights().get(id).expect("a weight"));
        assert_eq!(mapped.bytes(), read.bytes(), "{id:?}");
    }
}

#[test]
fn an_empty_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("empty.gguf");
    fs::write(&path, []).expect("written");
    for access in [Access::Map, Access::Read] {
        let error = Checkpoint::open_with(&path, access).expect_err("empty");
        assert!(error.to_string().contains("it has 0 bytes"), "{error}");
    }
}

#[test]
fn sampling_defaults_are_read() {
    let mut file = file();
    file.set("general.sampling.temp", Value::F32(0.6));
    file.set("general.sampling.top_k", Value::I32(20));
    file.set("general.sampling.top_p", Value::F32(0.95));
    let bytes = file.bytes();
    let checkpoint = Checkpoint::from_bytes("tiny.gguf", bytes).expect("the tiny model");
    let sampling = checkpoint.defaults().sampling;
    assert_eq!(sampling.temperature, Some(0.6));
    assert_eq!((sampling.top_k, sampling.top_p), (Some(20), Some(0.95)));
    assert_eq!((sampling.min_p, sampling.repetition_penalty), (None, None));
    assert_eq!(checkpoint.defaults().context_length, 64);
}
