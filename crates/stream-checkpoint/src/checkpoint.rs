//! A model's file, read as one thing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::architecture::Architecture;
use crate::chat_template::ChatTemplate;
use crate::defaults::Defaults;
use crate::error::{CheckpointError, Fault};
use crate::gguf::{Gguf, missing};
use crate::llama;
use crate::source::{Access, Source};
use crate::tokenizer::{ModelTokenizer, token_count};
use crate::weights::{WeightPlan, Weights};

const ARCHITECTURE: &str = "general.architecture";
const NAME: &str = "general.name";
const PARTS: &str = "split.count";
const FAMILIES: [&str; 1] = [llama::FAMILY];

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
    /// Opens a `.gguf` file by mapping it into memory; see [`Access::Map`] for what that asks of
    /// the file.
    ///
    /// # Errors
    /// If the file cannot be read, is of an unknown kind or family, is damaged or cut off, or
    /// contradicts itself.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(path, Access::default())
    }

    /// Opens a `.gguf` file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, access: Access) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        Source::open(path, access)
            .and_then(|source| Self::read(path, source))
            .map_err(|fault| CheckpointError::new(path, fault))
    }

    /// Reads a GGUF file that is in memory; `name` stands for its path in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        let path = Path::new(name);
        Self::read(path, Source::Owned(bytes)).map_err(|fault| CheckpointError::new(path, fault))
    }

    fn read(path: &Path, source: Source) -> Result<Self, Fault> {
        let file = Gguf::parse(source.bytes())?;
        check_family(&file)?;
        check_whole(&file)?;
        let architecture = llama::architecture(&file, token_count(&file.metadata)?)?;
        let plan = WeightPlan::new(&architecture, &file.tensors, llama::tensor_name)?;
        let tokenizer = ModelTokenizer::read(&file.metadata)?;
        let context = architecture.context_length;
        let defaults = Defaults::read(&file.metadata, context, tokenizer.special())?;
        let name = name(&file, path)?;
        Ok(Self {
            name,
            architecture,
            weights: Arc::new(Weights::new(PathBuf::from(path), source, plan)),
            tokenizer: Arc::new(tokenizer),
            defaults,
        })
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

fn check_family(file: &Gguf<'_>) -> Result<(), Fault> {
    let found = file.metadata.string(ARCHITECTURE)?;
    match found.ok_or_else(|| missing(ARCHITECTURE))? {
        llama::FAMILY => Ok(()),
        other => Err(Fault::UnsupportedArchitecture {
            found: other.to_owned(),
            known: &FAMILIES,
        }),
    }
}

/// Large models are often cut into several files.
fn check_whole(file: &Gguf<'_>) -> Result<(), Fault> {
    match file.metadata.integer(PARTS, u64::MAX)? {
        None | Some(0 | 1) => Ok(()),
        Some(parts) => {
            let feature = format!("{parts} files to be read as one (`{PARTS}`)");
            Err(Fault::feature(feature))
        }
    }
}

fn name(file: &Gguf<'_>, path: &Path) -> Result<String, Fault> {
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy();
    let stated = file.metadata.string(NAME)?.filter(|name| !name.is_empty());
    Ok(stated.map_or_else(|| stem().into_owned(), str::to_owned))
}
