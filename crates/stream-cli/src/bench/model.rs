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

/// A model's circumstances.
pub(super) struct Subject {
    pub(super) model: Model,
    pub(super) tokenizer: Arc<ModelTokenizer>,
    pub(super) vocabulary: Vocabulary,
}

impl Subject {
    /// Reads a model's headers and tokenizer, and hashes its files.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let checkpoint = Checkpoint::open(path).map_err(|error| unusable(&error))?;
        let tokenizer = checkpoint.tokenizer().clone();
        Ok(Self {
            vocabulary: Vocabulary::of(&*tokenizer).map_err(|error| unusable(&error))?,
            model: describe(&checkpoint, path)?,
            tokenizer,
        })
    }
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    EngineError::Load(error.to_string().into()).into()
}

fn describe(checkpoint: &Checkpoint, path: &Path) -> Result<Model, Failure> {
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
    Ok(Model {
        name: checkpoint.name().to_owned(),
        files: weight_files(path)?
            .iter()
            .map(|file| hashed(file))
            .collect::<Result<_, _>>()?,
        parameters,
        formats,
    })
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
    let unreadable = |error| Failure::input(format!("{}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(unreadable)?.flatten();
    let files = entries.map(|entry| entry.path()).filter(|file| {
        let name = name_of(file);
        let weights = name.ends_with(".safetensors") || name.ends_with(".gguf");
        weights && name.starts_with(&begins)
    });
    let mut files: Vec<_> = files.collect();
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

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
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
        let file = hashed(&at("other.gguf")).unwrap();
        assert_eq!((file.bytes, file.sha256.len()), (10, 64));
    }
}
