//! What a folder says beside the weights.

use std::path::Path;
use std::sync::Arc;

use super::from_folder::{EndIds, GENERATION, name, tokenizer};
use crate::defaults::{Defaults, SamplingDefaults};
use crate::error::{CheckpointError, Fault};
use crate::folder::{CONFIG, Folder};
use crate::json::Object;
use crate::source::Access;
use crate::tokenizer::ModelTokenizer;

/// What the model builder of onnxruntime-genai writes in place of `config.json` and
/// `generation_config.json`.
const GENAI: &str = "genai_config.json";
/// Far above any number of a real model.
const MOST: u64 = 1 << 32;

/// The tokenizer of a model's folder and what else it says beside the weights: for an engine whose
/// graphs bring their weights with them, as ONNX exports do.
///
/// The numbers are those of `genai_config.json`, if it is there, or else of `config.json`.
#[derive(Debug, Clone)]
pub struct FolderTexts {
    name: String,
    tokenizer: Arc<ModelTokenizer>,
    defaults: Defaults,
    vocabulary: usize,
    head_width: Option<usize>,
}

impl FolderTexts {
    /// Reads a folder.
    ///
    /// # Errors
    /// If a file is missing, cannot be read, is damaged or contradicts another.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let folder = Folder::open(path.as_ref(), Access::default())?;
        match folder.config(GENAI)? {
            Some(genai) => Self::genai(&folder, &Object::new(&genai)),
            None => Self::plain(&folder),
        }
    }

    fn genai(folder: &Folder, genai: &Object<'_>) -> Result<Self, CheckpointError> {
        let wrong = |fault: Fault| folder.error(GENAI, fault);
        let model = genai.object("model").map_err(wrong)?;
        let model = model.ok_or_else(|| wrong(genai.missing("model")))?;
        let decoder = model.object("decoder").map_err(wrong)?;
        let width = decoder.map_or(Ok(None), |decoder| decoder.size("head_size", MOST));
        let search = genai.object("search").map_err(wrong)?;
        let sampling = search.map_or(Ok(SamplingDefaults::default()), |search| {
            SamplingDefaults::from_generation_config(&search)
        });
        let numbers = Numbers {
            file: GENAI,
            config: &model,
            context: model.required_size("context_length", MOST).map_err(wrong)?,
            head_width: width.map_err(wrong)?,
            sampling: sampling.map_err(wrong)?,
        };
        numbers.texts(folder)
    }

    fn plain(folder: &Folder) -> Result<Self, CheckpointError> {
        let wrong = |fault: Fault| folder.error(CONFIG, fault);
        let reason = "it says how long the context is and what ends a text".to_owned();
        let config = folder.config(CONFIG)?;
        let config = config.ok_or_else(|| wrong(Fault::MissingFile { reason }))?;
        let config = Object::new(&config);
        let generation = folder.config(GENERATION)?.unwrap_or_default();
        let sampling = SamplingDefaults::from_generation_config(&Object::new(&generation));
        let context = config.required_size("max_position_embeddings", MOST);
        let numbers = Numbers {
            file: CONFIG,
            config: &config,
            context: context.map_err(wrong)?,
            head_width: head_width(&config).map_err(wrong)?,
            sampling: sampling.map_err(|fault| folder.error(GENERATION, fault))?,
        };
        numbers.texts(folder)
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tokenizer with its chat template.
    pub fn tokenizer(&self) -> &Arc<ModelTokenizer> {
        &self.tokenizer
    }

    /// How the model wants to be used.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// How many numbers a key of one head has, where the folder says it.
    pub fn head_width(&self) -> Option<usize> {
        self.head_width
    }
}

/// `head_dim`, or the hidden width shared among the heads.
fn head_width(config: &Object<'_>) -> Result<Option<usize>, Fault> {
    let (stated, hidden, heads) = (
        config.size("head_dim", MOST)?,
        config.size("hidden_size", MOST)?,
        config.size("num_attention_heads", MOST)?,
    );
    let shared = || Some(hidden? / heads.filter(|heads| *heads > 0)?);
    Ok(stated.or_else(shared))
}

/// What one file says, and which file that is.
struct Numbers<'a> {
    file: &'static str,
    config: &'a Object<'a>,
    context: usize,
    head_width: Option<usize>,
    sampling: SamplingDefaults,
}

impl Numbers<'_> {
    fn texts(self, folder: &Folder) -> Result<FolderTexts, CheckpointError> {
        let wrong = |fault: Fault| folder.error(self.file, fault);
        let vocabulary = self.config.required_size("vocab_size", MOST);
        let vocabulary = vocabulary.map_err(wrong)?;
        if vocabulary == 0 {
            return Err(wrong(self.config.fault("vocab_size", "is 0")));
        }
        let generation = folder.config(GENERATION)?.unwrap_or_default();
        let ids = EndIds::read(folder, (self.file, self.config), &generation, vocabulary)?;
        let tokenizer = tokenizer(folder, &ids, vocabulary)?;
        Ok(FolderTexts {
            name: name(folder.root()),
            defaults: Defaults::new(self.context, tokenizer.special(), self.sampling),
            tokenizer: Arc::new(tokenizer),
            vocabulary,
            head_width: self.head_width,
        })
    }
}
