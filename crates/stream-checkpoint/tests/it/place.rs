//! What a path leads to: files that stand for their folder, folders of GGUF files, and models in
//! several files.

use stream_checkpoint::{Access, Checkpoint, WeightId};

use crate::folder_writer::{check_error_at, folder, place, write};
use crate::gguf_writer::{File, Value};
use crate::tiny_model::{self, check_error};

#[test]
fn a_file_stands_for_its_folder() {
    let place = place();
    folder().write(place.path());
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let checkpoint = Checkpoint::open(place.path().join(file)).expect("its folder");
        assert_eq!(checkpoint.architecture().family, "llama");
    }
}

#[test]
fn a_folder_of_one_gguf_model_is_that_model() {
    let place = place();
    write(place.path(), "Tiny.GGUF", tiny_model::file().bytes());
    write(place.path(), "mmproj-tiny.gguf", "the eyes of a model");
    let checkpoint = Checkpoint::open(place.path()).expect("the only model");
    assert_eq!(checkpoint.name(), "Tiny");
    write(place.path(), "other.gguf", "");
    let expected = "holds several models, name one of them: Tiny.GGUF, other.gguf";
    check_error_at(place.path(), "", expected);
    // Safetensors go first.
    folder().write(place.path());
    let checkpoint = Checkpoint::open(place.path()).expect("the folder");
    let head = checkpoint.weights().get(WeightId::OutputHead);
    assert_eq!(head.expect("a head").name(), "model.embed_tokens.weight");
}

const NAMES: [&str; 3] = [
    "tiny-00001-of-00003.gguf",
    "tiny-00002-of-00003.gguf",
    "tiny-00003-of-00003.gguf",
];

/// The tiny model in three files: as `llama-gguf-split` does it, only the first has the metadata.
fn parts() -> [File; 3] {
    let whole = tiny_model::file();
    let mut parts = [0, 1, 2].map(|number| {
        let mut part = whole.clone();
        if number > 0 {
            part.metadata.clear();
        }
        part.set("split.count", Value::U32(3));
        part.set("split.no", Value::U32(number));
        part.tensors.clear();
        part
    });
    for (i, tensor) in whole.tensors.into_iter().enumerate() {
        parts[i % 3].tensors.push(tensor);
    }
    parts
}

fn write_parts(parts: &[File]) -> tempfile::TempDir {
    let place = place();
    for (name, part) in NAMES.iter().zip(parts) {
        write(place.path(), name, part.bytes());
    }
    place
}

#[test]
fn gguf_in_several_files_is_read_as_one() {
    let whole = tiny_model::open(&tiny_model::file()).expect("the tiny model");
    let place = write_parts(&parts());
    let paths = NAMES.map(|name| place.path().join(name));
    for path in paths.iter().chain([&place.path().to_owned()]) {
        for access in [Access::Map, Access::Read] {
            let cut = Checkpoint::open_with(path, access).expect("three files");
            assert_eq!(cut.architecture(), whole.architecture());
            for id in WeightId::all(whole.architecture()) {
                let [a, b] = [&whole, &cut].map(|c| c.weights().get(id).expect("a weight"));
                assert_eq!(a.bytes(), b.bytes(), "{id:?}");
            }
        }
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let missing = write_parts(&parts()[..2]);
    check_error_at(missing.path(), NAMES[2], "cannot be read");

    let mut swapped = parts();
    swapped.swap(1, 2);
    let expected = "`split.no`: is 2, but by its name this is part 1";
    check_error_at(write_parts(&swapped).path(), NAMES[1], expected);

    let mut other = parts();
    other[2].set("split.count", Value::U32(4));
    let expected = "`split.count`: is 4, but the first file says 3";
    check_error_at(write_parts(&other).path(), NAMES[2], expected);

    let mut twice = parts();
    let tensor = twice[0].tensors[0].clone();
    twice[1].tensors.push(tensor);
    let expected = "two tensors are named token_embd.weight";
    check_error_at(write_parts(&twice).path(), NAMES[1], expected);

    let lone = place();
    write(lone.path(), "tiny.gguf", parts()[0].bytes());
    check_error_at(lone.path(), "tiny.gguf", "so the others are unknown");
    let many = |file: &mut File| file.set("split.count", Value::U32(1 << 20));
    check_error("many", many, "must be an integer from 0 to 1024");
}
