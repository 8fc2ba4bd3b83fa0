//! Tokenizers of Hugging Face folders.
//!
//! `tokenizer.json` describes the whole of it (Hugging Face's `tokenizers` library, version 1.0 of
//! the format): how text is normalised, cut, encoded and decoded, and what stands around it.
//! `tokenizer_config.json` and `special_tokens_map.json` add what the special tokens are for.

mod config;
mod decoder;
mod frame;

use serde::Deserialize;
use stream_core::TokenId;
use tokenizers::Tokenizer as Encoder;

use self::config::Config;
use super::bytes::TokenBytes;
use super::special::SpecialTokens;
use super::{ModelTokenizer, Templates};
use crate::chat_template::{ChatTemplate, SpecialTexts};
use crate::contain::contained;
use crate::error::Fault;

/// JSON may be nested 128 deep; each level takes up to a few kilobytes here.
const STACK: usize = 16 << 20;

/// The files of a folder that make a tokenizer, and what its other files say of it.
#[derive(Debug, Clone, Copy)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`
    pub tokenizer_json: &'a [u8],
    /// `tokenizer_config.json`
    pub tokenizer_config: Option<&'a [u8]>,
    /// `special_tokens_map.json`
    pub special_tokens_map: Option<&'a [u8]>,
    /// `chat_template.jinja`, which goes before a template in `tokenizer_config.json`.
    pub chat_template: Option<&'a str>,
    /// The `eos_token_id`s of `generation_config.json` and `config.json`.
    pub end_ids: &'a [TokenId],
    /// `bos_token_id`, for where no other file names the token.
    pub bos_id: Option<TokenId>,
    /// How many logits the model has. The tokenizer may have fewer ids, never more.
    pub vocabulary: usize,
}

impl TokenizerFiles<'_> {
    /// The longest `tokenizer.json` that is read; the largest known has 34 MB.
    pub const MOST_TOKENIZER_BYTES: usize = 128 << 20;
    /// The longest `tokenizer_config.json`, `special_tokens_map.json` or `chat_template.jinja`
    /// that is read; those in use have up to a few hundred kilobytes.
    pub const MOST_CONFIG_BYTES: usize = 16 << 20;
}

impl ModelTokenizer {
    /// The tokenizer that the files describe.
    ///
    /// Ids are those of Hugging Face's `tokenizers` library for the same `tokenizer.json`. A
    /// prompt has before and after it what the post-processor puts there, unless
    /// `tokenizer_config.json` says `add_bos_token` or `add_eos_token`; a chat has nothing but
    /// what its template wrote, as in transformers.
    ///
    /// # Errors
    /// If a file is too long, damaged, or describes a tokenizer whose tokens have no bytes of
    /// their own; if the tokenizer has an id that the model has no logit for.
    pub fn from_hugging_face(files: &TokenizerFiles<'_>) -> Result<Self, Fault> {
        let config = Config::read(files.tokenizer_config, files.special_tokens_map)?;
        let most = TokenizerFiles::MOST_TOKENIZER_BYTES;
        at_most("tokenizer.json", files.tokenizer_json, most)?;
        // The library that reads it panics on some files that contradict themselves.
        contained(STACK, || assemble(files, &config)).map_err(|error| broken(&error.to_string()))?
    }
}

fn assemble(files: &TokenizerFiles<'_>, config: &Config) -> Result<ModelTokenizer, Fault> {
    let encoder = encoder(files.tokenizer_json, config)?;
    let bytes = token_bytes(&encoder, files.vocabulary)?;
    let special = special(&encoder, config, files)?;
    let frame = frame::read(&encoder, config, &special)?;
    Ok(ModelTokenizer {
        texts: texts(&encoder, &special),
        templates: templates(files, config),
        encoder,
        bytes,
        special: SpecialTokens {
            add_bos: special.bos.is_some_and(|bos| frame.before.contains(&bos)),
            ..special
        },
        frame,
    })
}

/// `chat_template.jinja` goes before all that `tokenizer_config.json` has, as in transformers.
fn templates(files: &TokenizerFiles<'_>, config: &Config) -> Templates {
    let read = |source: &Option<String>| source.as_deref().map(ChatTemplate::new);
    match files.chat_template {
        Some(source) => Templates {
            chat: Some(ChatTemplate::new(source)),
            tools: None,
        },
        None => Templates {
            chat: read(&config.chat_template),
            tools: read(&config.tool_template),
        },
    }
}

/// The library's tokenizer. What only `tokenizer_config.json` knows of added tokens is added, as
/// transformers does.
fn encoder(json: &[u8], config: &Config) -> Result<Encoder, Fault> {
    let mut encoder = Encoder::from_bytes(json).map_err(|error| broken(&error.to_string()))?;
    check_added(json, &encoder)?;
    encoder.with_padding(None);
    encoder
        .with_truncation(None)
        .and_then(|encoder| encoder.add_tokens(config.added_tokens.iter().cloned()))
        .map_err(|error| broken(&error.to_string()))?;
    Ok(encoder)
}

/// What of `tokenizer.json` the library passes over.
#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    added_tokens: Vec<DeclaredToken>,
}

#[derive(Deserialize)]
struct DeclaredToken {
    id: TokenId,
    content: String,
}

/// The library numbers added tokens by itself, whatever ids the file gives them.
fn check_added(json: &[u8], encoder: &Encoder) -> Result<(), Fault> {
    let declared: Declared =
        serde_json::from_slice(json).map_err(|error| broken(&error.to_string()))?;
    let differs = |token: &&DeclaredToken| encoder.token_to_id(&token.content) != Some(token.id);
    match declared.added_tokens.iter().find(differs) {
        None => Ok(()),
        Some(DeclaredToken { id, content }) => Err(broken(&format!(
            "the added token {content:?} has the id {id}, which does not follow on the ids before"
        ))),
    }
}

/// The bytes of every id. An id that stands between others and has no token has none.
fn token_bytes(encoder: &Encoder, vocabulary: usize) -> Result<TokenBytes, Fault> {
    let decoder = decoder::read(encoder)?;
    let highest = encoder.get_vocab(true).into_values().max();
    let count = highest.map_or(0, |id| id as usize + 1);
    if count > vocabulary {
        let problem = format!(
            "has the token id {}, but the model has only {vocabulary} logits",
            count - 1
        );
        return Err(broken(&problem));
    }
    let added = encoder.get_added_vocabulary();
    let mut table = TokenBytes::with_capacity(count, decoder.leading());
    for id in 0..count as TokenId {
        match encoder.id_to_token(id) {
            None => table.push_absent(),
            Some(text) if added.is_special_token(&text) => table.push(&[]),
            Some(text) => table.push(&decoder.bytes(&text)),
        }
    }
    Ok(table)
}

fn special(
    encoder: &Encoder,
    config: &Config,
    files: &TokenizerFiles<'_>,
) -> Result<SpecialTokens, Fault> {
    let id = |text: &Option<String>| encoder.token_to_id(text.as_deref()?);
    let eos = id(&config.eos);
    let mut end: Vec<TokenId> = files.end_ids.iter().copied().chain(eos).collect();
    end.sort_unstable();
    end.dedup();
    let bos = id(&config.bos).or(files.bos_id);
    below_vocabulary(end.iter().chain(&bos), files.vocabulary)?;
    Ok(SpecialTokens {
        bos,
        eos: eos.or(files.end_ids.first().copied()),
        unknown: id(&config.unknown),
        padding: id(&config.padding),
        add_bos: false,
        end,
    })
}

fn below_vocabulary<'a>(
    mut ids: impl Iterator<Item = &'a TokenId>,
    vocabulary: usize,
) -> Result<(), Fault> {
    match ids.find(|&&id| id as usize >= vocabulary) {
        None => Ok(()),
        Some(id) => Err(Fault::Tokenizer(format!(
            "a text or an answer has the special token {id}, but the model has only {vocabulary} \
             logits"
        ))),
    }
}

fn texts(encoder: &Encoder, special: &SpecialTokens) -> SpecialTexts {
    let text = |id: Option<TokenId>| encoder.id_to_token(id?);
    SpecialTexts {
        bos: text(special.bos),
        eos: text(special.eos),
        unknown: text(special.unknown),
        padding: text(special.padding),
    }
}

fn broken(problem: &str) -> Fault {
    Fault::Tokenizer(format!("tokenizer.json: {problem}"))
}

fn at_most(name: &str, bytes: &[u8], most: usize) -> Result<(), Fault> {
    match bytes.len() {
        length if length <= most => Ok(()),
        length => Err(Fault::Tokenizer(format!(
            "{name} has {length} bytes, at most {most} are read"
        ))),
    }
}
