//! What a model is, before an engine runs it: its name, its tokenizer, and where its weights lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stream_checkpoint::{Checkpoint, CheckpointError, FolderTexts, ModelTokenizer};
use stream_engine::EngineError;

use crate::failure::Failure;

/// Names under which exports have their graph, the first that is there.
const GRAPHS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// A model.
pub(crate) enum Subject {
    /// Weights that every engine reads.
    Checkpoint(Box<Checkpoint>),
    /// A graph that brings its weights with it, for ONNX Runtime.
    Export { graph: PathBuf, texts: FolderTexts },
}

impl Subject {
    /// Reads a model's headers and its tokenizer. A folder with weights of its own is a checkpoint,
    /// whatever graphs lie in it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: CheckpointError| EngineError::Load(error.to_string().into());
        let checkpoint = match Checkpoint::open(path) {
            Ok(checkpoint) => return Ok(Self::Checkpoint(Box::new(checkpoint))),
            Err(error) => error,
        };
        let graph = graph(path).ok_or_else(|| unusable(checkpoint))?;
        let texts = FolderTexts::open(folder(path)).map_err(unusable)?;
        Ok(Self::Export { graph, texts })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.name(),
            Self::Export { texts, .. } => texts.name(),
        }
    }

    pub(crate) fn tokenizer(&self) -> &Arc<ModelTokenizer> {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.tokenizer(),
            Self::Export { texts, .. } => texts.tokenizer(),
        }
    }
}

/// The graph at a path: that file, or one in that folder.
fn graph(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        let graphs = GRAPHS.map(|name| path.join(name));
        return graphs.into_iter().find(|graph| graph.is_file());
    }
    let is_graph = path
        .extension()
        .is_some_and(|extension| extension == "onnx");
    (is_graph && path.is_file()).then(|| path.to_owned())
}

/// The folder with the tokenizer: the path itself, or that of the graph, or the one above if it is
/// called `onnx`.
fn folder(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    let parent = parent(path);
    match (parent.file_name(), parent.parent()) {
        (Some(name), Some(above)) if name == "onnx" && above != Path::new("") => above,
        (Some(name), Some(_)) if name == "onnx" => Path::new("."),
        _ => parent,
    }
}

/// The folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
