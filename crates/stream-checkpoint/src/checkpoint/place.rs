//! What kind of model a path leads to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{CheckpointError, Fault};
use crate::folder::{CONFIG, INDEX, WEIGHTS};

use super::split::Part;

/// A model's files.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// A GGUF file, or the first of several that are one model.
    Gguf(PathBuf),
    /// A Hugging Face folder.
    Folder(PathBuf),
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self, CheckpointError> {
        if path.is_dir() {
            return in_folder(path).map_err(|fault| CheckpointError::new(path, fault));
        }
        match extension(path).as_str() {
            // Folders are full of both; alone, neither says what to make of the weights.
            "safetensors" | "json" => Ok(Self::Folder(parent(path))),
            "bin" | "pt" | "pth" | "ckpt" => {
                let file = path.file_name().unwrap_or_default();
                let file = file.to_string_lossy().into_owned();
                Err(CheckpointError::new(path, Fault::Pickle { file }))
            }
            _ => Ok(Self::Gguf(path.to_owned())),
        }
    }
}

fn in_folder(path: &Path) -> Result<Place, Fault> {
    let has = |name: &str| path.join(name).exists();
    let safetensors = has(WEIGHTS) || has(INDEX);
    if safetensors {
        return Ok(Place::Folder(path.to_owned()));
    }
    let mut models: Vec<_> = gguf_models(path)?.into_iter().collect();
    match (models.pop(), models.is_empty()) {
        (Some(only), true) => Ok(Place::Gguf(path.join(only))),
        (Some(last), false) => {
            models.push(last);
            Err(Fault::SeveralModels { found: models })
        }
        (None, _) if has(CONFIG) => Ok(Place::Folder(path.to_owned())),
        (None, _) => {
            let found = "a folder without a model".to_owned();
            Err(Fault::UnsupportedFormat { found })
        }
    }
}

/// The names of the folder's GGUF models; of a model in several files, the first one's. Files
/// called `mmproj…` hold the eyes of a model, not a model.
fn gguf_models(folder: &Path) -> Result<BTreeSet<String>, Fault> {
    let mut models = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if extension(Path::new(&name)) != "gguf" || name.starts_with("mmproj") {
            continue;
        }
        models.insert(match Part::of(&name) {
            Some(part) => part.sibling(1),
            None => name,
        });
    }
    Ok(models)
}

/// In lower case; empty if there is none.
fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_ascii_lowercase()
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
