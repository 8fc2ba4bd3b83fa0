//! The model that is measured: what it is, and what prompts can be made of.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stream_bench::Vocabulary;
use stream_bench::report::{Format, Model, ModelFile};
use stream_checkpoint::{Checkpoint, ModelTokenizer};
use stream_engine::EngineError;

use super::name_of;
use crate::failure::Failure;
use crate::fetch::sha256_of;
use crate::subject::{Subject, parent};

/// A model's circumstances.
pub(super) struct BenchModel {
    pub(super) model: Model,
    pub(super) tokenizer: Arc<ModelTokenizer>,
    pub(super) vocabulary: Vocabulary,
}

impl BenchModel {
    /// Reads a model's headers and tokenizer, and hashes its files.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let subject = Subject::open(path)?;
        let tokenizer = subject.tokenizer().clone();
        let unusable = |error: stream_bench::NoTokens| {
            Failure::from(EngineError::Load(error.to_string().into()))
        };
        Ok(Self {
            vocabulary: Vocabulary::of(&*tokenizer).map_err(unusable)?,
            model: describe(&subject, path)?,
            tokenizer,
        })
    }
}

fn describe(subject: &Subject, path: &Path) -> Result<Model, Failure> {
    let (files, (parameters, formats)) = match subject {
        Subject::Checkpoint(checkpoint) => (weight_files(path)?, tensors(checkpoint)),
        Subject::Export { graph, .. } => (graph_files(graph)?, (None, Vec::new())),
    };
    let files = files.iter().map(|file| hashed(file));
    Ok(Model {
        name: subject.name().to_owned(),
        files: files.collect::<Result<_, _>>()?,
        parameters,
        formats,
    })
}

/// How many numbers a checkpoint has, and in what formats.
fn tensors(checkpoint: &Checkpoint) -> (Option<u64>, Vec<Format>) {
    let mut seen = HashSet::new();
    let mut formats: HashMap<&str, Format> = HashMap::new();
    let mut parameters = 0;
    let tensors = checkpoint.weights().iter().map(|(_, view)| view);
    // A head that is the embedding is one tensor under two names.
    for view in tensors.filter(|view| seen.insert(view.name().to_owned())) {
        let (rows, columns) = view.shape();
        parameters += (rows * columns) as u64;
        let name = view.format().name();
        let format = formats.entry(name).or_insert_with(|| Format {
            name: name.to_owned(),
            tensors: 0,
            bytes: 0,
        });
        format.tensors += 1;
        format.bytes += view.bytes().len() as u64;
    }
    let mut formats: Vec<_> = formats.into_values().collect();
    formats.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    (Some(parameters), formats)
}

fn hashed(path: &Path) -> Result<ModelFile, Failure> {
    let unreadable = |error| Failure::input(format!("{}: {error}", path.display()));
    Ok(ModelFile {
        name: name_of(path),
        bytes: fs::metadata(path).map_err(unreadable)?.len(),
        sha256: sha256_of(path)?,
    })
}

/// The files that hold the model's weights: those of its folder, all parts of a model in several
/// files, or the file itself.
fn weight_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = name_of(path);
    let in_folder = name.ends_with(".safetensors") || name.ends_with(".json");
    let (folder, begins) = match (path.is_dir(), in_folder, part_of(&name)) {
        (true, _, _) => (path, String::new()),
        (_, true, _) => (parent(path), String::new()),
        (_, _, Some(begins)) => (parent(path), begins),
        _ => return Ok(vec![path.to_owned()]),
    };
    files_in(folder, |name| {
        let weights = name.ends_with(".safetensors") || name.ends_with(".gguf");
        weights && name.starts_with(&begins)
    })
}

/// A graph and the files with its weights, which exporters name after it: `model.onnx.data`,
/// `model.onnx_data`, `model.onnx_data_1`.
fn graph_files(graph: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = name_of(graph);
    files_in(parent(graph), |other| {
        other == name || other.strip_prefix(&name).is_some_and(is_data)
    })
}

/// Whether this, behind a graph's name, makes the name of its data.
fn is_data(ending: &str) -> bool {
    let data = [".data", "_data"];
    let rest = data.into_iter().find_map(|data| ending.strip_prefix(data));
    rest.is_some_and(|rest| {
        rest.trim_start_matches('_')
            .bytes()
            .all(|b| b.is_ascii_digit())
    })
}

/// The files of a folder whose names are wanted, in order.
fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::input(format!("{}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(unreadable)?.flatten();
    let files = entries.map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|file| wanted(&name_of(file))).collect();
    files.sort();
    Ok(files)
}

/// How the names of all parts of a model begin, if this is the name of one: `name-` of
/// `name-00001-of-00003.gguf`.
fn part_of(name: &str) -> Option<String> {
    let (stem, number) = name.rsplit_once("-of-")?.0.rsplit_once('-')?;
    let is_number = number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{stem}-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_in_several_files_has_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let names = [
            "m-00001-of-00002.gguf",
            "m-00002-of-00002.gguf",
            "other.gguf",
            "a.safetensors",
            "config.json",
        ];
        for name in names {
            fs::write(at(name), name).unwrap();
        }
        let found = |path: &Path| -> Vec<String> {
            weight_files(path)
                .unwrap()
                .iter()
                .map(|file| name_of(file))
                .collect()
        };
        assert_eq!(found(&at("m-00001-of-00002.gguf")), names[..2]);
        assert_eq!(found(&at("other.gguf")), ["other.gguf"]);
        let all = ["a.safetensors", names[0], names[1], "other.gguf"];
        assert_eq!(found(folder.path()), all);
        assert_eq!(found(&at("config.json")), all);
        let graphs = ["model.onnx", "model.onnx.data", "model.onnx_data_1"];
        for name in graphs
            .into_iter()
            .chain(["model.onnx.txt", "model_q4.onnx"])
        {
            fs::write(at(name), name).unwrap();
        }
        let found = graph_files(&at("model.onnx")).unwrap();
        assert_eq!(found, graphs.map(at));
        let file = hashed(&at("other.gguf")).unwrap();
        assert_eq!((file.bytes, file.sha256.len()), (10, 64));
    }
}
