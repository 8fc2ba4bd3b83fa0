//! Exports of tiny models, made by optimum and by onnxruntime-genai's model builder: they compute
//! what Python transformers does, keep every law, and have no file opened outside their folder.
//! `cargo xtask test` fetches the library.

#[path = "../../stream-checkpoint/tests/fixtures/families/reader.rs"]
mod reader;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_onnx::{ExportError, ExportedModel, LoadError, OnnxOptions, Precision};
use stream_core::{Backend, Sampling, TokenId};
use stream_runtime::{Batch, BlockId, Choice, Engine, EngineConfig, Given, Row, SequenceId};
use stream_testkit::{Ground, conformance};

/// Each export, and the family of the model that it was made of.
const EXPORTS: [(&str, &str); 2] = [("genai", "llama-3"), ("optimum", "smollm2")];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/exports")
        .join(name)
}

fn load(name: &str) -> ExportedModel {
    let options = OnnxOptions {
        kv_tokens: Some(1_024),
        ..OnnxOptions::default()
    };
    ExportedModel::load(&folder(name), &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn engine(name: &str) -> (Arc<dyn Backend>, Ground) {
    let model = load(name);
    let tokenizer = model.texts().tokenizer().clone();
    let mut config = EngineConfig::new("onnx", model.texts().name(), model.device());
    config.capabilities.batch_invariant = ExportedModel::BATCH_INVARIANT;
    let engine = Engine::start(model, tokenizer.clone(), config).expect("a possible engine");
    let of_ids = tokenizer.clone();
    let ground = Ground::default()
        .decode(move |ids| of_ids.decode(ids))
        .tokenizer(tokenizer);
    (Arc::new(engine), ground)
}

conformance!(genai, engine("genai"));
conformance!(optimum, engine("optimum"));

/// The logits after each of `tokens`, which begin at position `start`.
fn forward(model: &mut ExportedModel, start: usize, tokens: &[TokenId]) -> Vec<Vec<f32>> {
    let blocks: Vec<BlockId> = (0..16).rev().collect();
    let sampling = Sampling::greedy();
    let row = Row {
        sequence: SequenceId(0),
        blocks: &blocks,
        start,
        tokens,
        sample: 0..tokens.len(),
        given: Given::default(),
        choice: Choice::new(&sampling),
    };
    let logits = model.forward(&Batch { rows: &[row] }).unwrap();
    let width = logits.len() / tokens.len();
    logits.chunks(width).map(<[f32]>::to_vec).collect()
}

fn best(logits: &[f32]) -> TokenId {
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    best.unwrap() as TokenId
}

fn reference(family: &str) -> reader::Reference {
    let mut models = reader::models();
    let found = models.find(|model| model.family == family && model.path.ends_with("hf"));
    found.unwrap().reference
}

#[test]
fn logits_and_greedy_ids_are_those_of_transformers() {
    for (name, family) in EXPORTS {
        let reference = reference(family);
        let mut model = load(name);
        let (first, rest) = reference.ids.split_at(100);
        let mut logits = forward(&mut model, 0, first);
        logits.extend(forward(&mut model, 100, rest));
        let (mut apart, mut largest) = (0.0_f32, 0.0_f32);
        for (&position, wanted) in reference.positions.iter().zip(&reference.logits) {
            for (found, wanted) in logits[position].iter().zip(wanted) {
                apart = apart.max((found - wanted).abs());
                largest = largest.max(wanted.abs());
            }
        }
        println!("{name}: {} of the largest logit", apart / largest);
        assert!(apart <= 1e-4 * largest, "{name}: {apart} of {largest}");
        let mut next = best(logits.last().unwrap());
        for (number, &wanted) in reference.greedy.iter().enumerate() {
            assert_eq!(next, wanted, "{name}: token {number}");
            next = best(&forward(&mut model, reference.ids.len() + number, &[next])[0]);
        }
    }
}

/// A copy of an export whose data is elsewhere.
fn changed(location: &str) -> tempfile::TempDir {
    const PLAIN: &str = "model.onnx.data";
    assert_eq!(location.len(), PLAIN.len());
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder("genai")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
    }
    let graph = place.path().join("model.onnx");
    let mut bytes = fs::read(&graph).unwrap();
    for at in 0..bytes.len() - PLAIN.len() {
        if bytes[at..].starts_with(PLAIN.as_bytes()) {
            bytes[at..at + PLAIN.len()].copy_from_slice(location.as_bytes());
        }
    }
    fs::write(&graph, bytes).unwrap();
    place
}

fn refusal(folder: &Path) -> ExportError {
    match ExportedModel::load(folder, &OnnxOptions::default()) {
        Err(LoadError::Export(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fault_17_external_data_stays_in_the_folder() {
    for location in ["/odel.onnx.data", "../el.onnx.data", "a/../onnx.data1"] {
        let place = changed(location);
        let error = refusal(place.path());
        assert!(matches!(&error, ExportError::Outside { .. }), "{error}");
        assert!(error.to_string().contains(location), "{error}");
    }
    let place = changed("no_such_file_00");
    let error = refusal(place.path());
    assert!(matches!(error, ExportError::Unreadable { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn fault_17_links_out_of_the_folder_are_not_followed() {
    let (place, elsewhere) = (changed("model.onnx.data"), tempfile::tempdir().unwrap());
    let (data, target) = (
        place.path().join("model.onnx.data"),
        elsewhere.path().join("x"),
    );
    fs::rename(&data, &target).unwrap();
    std::os::unix::fs::symlink(&target, &data).unwrap();
    let error = refusal(place.path());
    assert!(matches!(error, ExportError::Outside { .. }), "{error}");
}

#[test]
fn fault_17_damaged_and_cut_off_exports_are_refused() {
    let place = changed("model.onnx.data");
    let data = place.path().join("model.onnx.data");
    let whole = fs::read(&data).unwrap();
    fs::write(&data, &whole[..whole.len() - 1]).unwrap();
    let error = refusal(place.path());
    assert!(matches!(error, ExportError::Beyond { .. }), "{error}");
    let graph = place.path().join("model.onnx");
    let bytes = fs::read(&graph).unwrap();
    fs::write(&graph, &bytes[..bytes.len() / 2]).unwrap();
    let error = refusal(place.path());
    assert!(matches!(error, ExportError::Damaged { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = refusal(empty.path());
    assert!(matches!(error, ExportError::NoGraph { .. }), "{error}");
}

#[test]
fn a_folder_with_safetensors_is_a_checkpoint() {
    let place = changed("model.onnx.data");
    assert!(ExportedModel::is_at(place.path()));
    fs::write(place.path().join("model.safetensors"), "").unwrap();
    assert!(!ExportedModel::is_at(place.path()));
    assert!(ExportedModel::is_at(&place.path().join("model.onnx")));
}

#[test]
fn a_folder_may_be_called_as_graphs_are() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("model.onnx");
    fs::rename(changed("model.onnx.data").keep(), &folder).unwrap();
    let model = ExportedModel::load(&folder, &OnnxOptions::default()).unwrap();
    assert_eq!(model.texts().name(), "model.onnx");
}

#[test]
fn an_export_has_the_precision_that_it_has() {
    let options = OnnxOptions {
        precision: Precision::Exact,
        ..OnnxOptions::default()
    };
    let error = ExportedModel::load(&folder("genai"), &options).unwrap_err();
    assert!(matches!(error, LoadError::FixedPrecision), "{error}");
}
