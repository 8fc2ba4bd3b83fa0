//! A model's files, read as one thing.

mod from_folder;
mod from_gguf;
mod place;
mod split;
mod texts;

use std::path::Path;
use std::sync::Arc;

pub use self::texts::FolderTexts;

use self::place::Place;
use crate::architecture::Architecture;
use crate::chat_template::ChatTemplate;
use crate::defaults::Defaults;
use crate::error::CheckpointError;
use crate::folder::Folder;
use crate::source::Access;
use crate::tokenizer::ModelTokenizer;
use crate::weights::Weights;

/// Everything that a model's file says, checked, and ready for an engine.
///
/// ```no_run
/// use stream_checkpoint::{Checkpoint, WeightId};
///
/// let checkpoint = Checkpoint::open("model.gguf")?;
/// let head = checkpoint.weights().get(WeightId::OutputHead)?;
/// println!("{}: {} logits", checkpoint.name(), head.shape().0);
/// # Ok::<(), stream_checkpoint::CheckpointError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoint {
    name: String,
    architecture: Architecture,
    weights: Arc<Weights>,
    tokenizer: Arc<ModelTokenizer>,
    defaults: Defaults,
}

impl Checkpoint {
    /// Opens a model by mapping its files into memory; see [`Access::Map`] for what that asks of
    /// them. `path` is
    /// - a `.gguf` file; if it is a part of a model (`…-00001-of-00003.gguf`), the others are
    ///   taken from beside it;
    /// - a Hugging Face folder: `config.json`, `model.safetensors` or shards with their index,
    ///   `tokenizer.json` and, where they are there, `tokenizer_config.json`,
    ///   `special_tokens_map.json`, `chat_template.jinja` and `generation_config.json`. Each of
    ///   these files stands for its folder;
    /// - a folder without safetensors that holds one model as GGUF.
    ///
    /// # Errors
    /// If a file cannot be read, is of an unknown kind or family, is damaged or cut off, or
    /// contradicts itself or another.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(path, Access::default())
    }

    /// Opens a model, mapping or reading its files.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, access: Access) -> Result<Self, CheckpointError> {
        match Place::of(path.as_ref())? {
            Place::Gguf(path) => from_gguf::open(&path, access),
            Place::Folder(path) => from_folder::read(&Folder::open(&path, access)?),
        }
    }

    /// Reads a GGUF file that is in memory; `name` stands for its path in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        from_gguf::from_bytes(Path::new(name), bytes)
    }

    /// The model's name as its makers wrote it, or else the file's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoder's numbers.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The tensors.
    pub fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// Reads every weight once and refuses those that are infinite or no numbers. Opening does
    /// not do this: it would read the whole file.
    ///
    /// # Errors
    /// With the first such tensor and how many more there are.
    pub fn check_weights(&self) -> Result<(), CheckpointError> {
        self.weights.check()
    }

    /// The tokenizer with its chat template.
    pub fn tokenizer(&self) -> &Arc<ModelTokenizer> {
        &self.tokenizer
    }

    /// The chat template, if the file has one.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.tokenizer.chat_template()
    }

    /// How the model wants to be used.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }
}
