//! A checkpoint of a Hugging Face folder.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use stream_core::TokenId;

use super::Checkpoint;
use crate::architecture::Architecture;
use crate::defaults::{Defaults, SamplingDefaults};
use crate::error::{CheckpointError, Fault};
use crate::family::{folder_name, from_config};
use crate::folder::{self, CONFIG, Folder};
use crate::json::Object;
use crate::tokenizer::{ModelTokenizer, TokenizerFiles};
use crate::weights::{Files, TensorTable, WeightId, WeightPlan, Weights};

pub(super) const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";

pub(super) fn read(folder: &Folder) -> Result<Checkpoint, CheckpointError> {
    let config = folder.config(CONFIG)?.ok_or_else(|| no_config(folder))?;
    let config = Object::new(&config);
    let in_config = |fault: Fault| folder.error(CONFIG, fault);
    let mut architecture = from_config(&config).map_err(in_config)?;
    let (files, mut table) = folder::open(folder)?;
    architecture.tied_head = tied(&architecture, &files, &table);
    forget_unused(&mut table, architecture.tied_head);
    let plan = WeightPlan::new(&architecture, &table, folder_name)
        .map_err(|fault| CheckpointError::new(folder.path(), fault))?;
    let generation = folder.config(GENERATION)?.unwrap_or_default();
    let ids = EndIds::read(
        folder,
        (CONFIG, &config),
        &generation,
        architecture.vocabulary,
    )?;
    let tokenizer = tokenizer(folder, &ids, architecture.vocabulary)?;
    let sampling = SamplingDefaults::from_generation_config(&Object::new(&generation))
        .map_err(|fault| folder.error(GENERATION, fault))?;
    let context = architecture.context_length;
    Ok(Checkpoint {
        name: name(folder.root()),
        architecture,
        weights: Arc::new(Weights::new(files, plan)),
        defaults: Defaults::new(context, tokenizer.special(), sampling),
        tokenizer: Arc::new(tokenizer),
    })
}

fn no_config(folder: &Folder) -> CheckpointError {
    let reason = "it says what to make of the weights; fetch the whole folder".to_owned();
    folder.error(CONFIG, Fault::MissingFile { reason })
}

/// Whether the head is the embedding. A folder may say so and hold a head all the same: if that
/// is another tensor, transformers 5 takes it, and so do we. A few rows tell the two apart.
fn tied(architecture: &Architecture, files: &Files, table: &TensorTable) -> bool {
    const ROWS: usize = 64;
    let find = |id| table.get(&folder_name(id));
    let (Some(head), Some(embedding)) =
        (find(WeightId::OutputHead), find(WeightId::TokenEmbedding))
    else {
        return architecture.tied_head;
    };
    let (head, embedding) = (files.data(head), files.data(embedding));
    let row = head.len() / architecture.vocabulary;
    let step = architecture.vocabulary.div_ceil(ROWS);
    let same = |start: usize| {
        let piece = start * row..(start + 1) * row;
        head.get(piece.clone()) == embedding.get(piece)
    };
    let mut rows = (0..architecture.vocabulary).step_by(step);
    architecture.tied_head && head.len() == embedding.len() && rows.all(same)
}

/// Old folders of Llama hold the frequencies of the rotation, which follow from `config.json`.
fn forget_unused(table: &mut TensorTable, tied: bool) {
    let head = folder_name(WeightId::OutputHead);
    table.forget(|name| name.ends_with(".rotary_emb.inv_freq") || tied && name == head);
}

/// The ids that two files name.
pub(super) struct EndIds {
    bos: Option<TokenId>,
    end: Vec<TokenId>,
}

impl EndIds {
    pub(super) fn read(
        folder: &Folder,
        (file, config): (&str, &Object<'_>),
        generation: &Map<String, Value>,
        vocabulary: usize,
    ) -> Result<Self, CheckpointError> {
        let read = |file: &str, object: &Object<'_>| {
            let bos = object.integer("bos_token_id", vocabulary as u64 - 1);
            let bos = bos.map(|bos| bos.map(|id| id as TokenId));
            let ids = bos.and_then(|bos| Ok((bos, end_ids(object, vocabulary)?)));
            ids.map_err(|fault| folder.error(file, fault))
        };
        let (bos, mut end) = read(GENERATION, &Object::new(generation))?;
        let (other_bos, more) = read(file, config)?;
        end.extend(more);
        end.sort_unstable();
        end.dedup();
        let bos = bos.or(other_bos);
        Ok(Self { bos, end })
    }
}

/// One id, or a list of them.
fn end_ids(object: &Object<'_>, vocabulary: usize) -> Result<Vec<TokenId>, Fault> {
    const KEY: &str = "eos_token_id";
    let most = vocabulary as u64 - 1;
    let ids = match object.get(KEY) {
        Some(Value::Array(_)) => object.integers(KEY, most)?.unwrap_or_default(),
        _ => object.integer(KEY, most)?.into_iter().collect(),
    };
    Ok(ids.into_iter().map(|id| id as TokenId).collect())
}

pub(super) fn tokenizer(
    folder: &Folder,
    ids: &EndIds,
    vocabulary: usize,
) -> Result<ModelTokenizer, CheckpointError> {
    let small = |name| folder.read(name, TokenizerFiles::MOST_CONFIG_BYTES as u64);
    let tokenizer_json = folder
        .read(TOKENIZER, TokenizerFiles::MOST_TOKENIZER_BYTES as u64)?
        .ok_or_else(|| no_tokenizer(folder))?;
    let config = small("tokenizer_config.json")?;
    let special = small("special_tokens_map.json")?;
    let template = template(folder, small("chat_template.jinja")?)?;
    let files = TokenizerFiles {
        tokenizer_json: &tokenizer_json,
        tokenizer_config: config.as_deref(),
        special_tokens_map: special.as_deref(),
        chat_template: template.as_deref(),
        end_ids: &ids.end,
        bos_id: ids.bos,
        vocabulary,
    };
    ModelTokenizer::from_hugging_face(&files)
        .map_err(|fault| CheckpointError::new(folder.path(), fault))
}

fn no_tokenizer(folder: &Folder) -> CheckpointError {
    let reason = "no other file of a tokenizer is read; transformers writes it with \
                  `AutoTokenizer.from_pretrained(…).save_pretrained(…)`";
    let reason = reason.to_owned();
    folder.error(TOKENIZER, Fault::MissingFile { reason })
}

fn template(folder: &Folder, bytes: Option<Vec<u8>>) -> Result<Option<String>, CheckpointError> {
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|error| {
        let problem = format!("chat_template.jinja is not UTF-8: {error}");
        CheckpointError::new(folder.path(), Fault::Tokenizer(problem))
    })
}

/// `org/name` in the hub's cache, whose folders are `models--org--name/snapshots/revision`, and
/// the folder's name elsewhere.
pub(super) fn name(root: &Path) -> String {
    let cached = root.ancestors().find_map(|folder| {
        let name = folder.file_name()?.to_str()?;
        Some(name.strip_prefix("models--")?.replacen("--", "/", 1))
    });
    let own = || root.file_name().unwrap_or(OsStr::new("model"));
    cached.unwrap_or_else(|| own().to_string_lossy().into_owned())
}
