//! `tokenizer_config.json` and `special_tokens_map.json`.

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::{TokenizerFiles, at_most};
use crate::error::Fault;

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_MAP: &str = "special_tokens_map.json";

/// What the two files say beyond `tokenizer.json`.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) bos: Option<String>,
    pub(super) eos: Option<String>,
    pub(super) unknown: Option<String>,
    pub(super) padding: Option<String>,
    pub(super) add_bos: Option<bool>,
    pub(super) add_eos: Option<bool>,
    /// `added_tokens_decoder`, in the order of the ids.
    pub(super) added_tokens: Vec<AddedToken>,
    pub(super) chat_template: Option<String>,
    /// The template for conversations with tools, where there are several.
    pub(super) tool_template: Option<String>,
}

impl Config {
    pub(super) fn read(config: Option<&[u8]>, special_map: Option<&[u8]>) -> Result<Self, Fault> {
        let config = object(CONFIG, config)?;
        let special_map = object(SPECIAL_MAP, special_map)?;
        let text = |key| match special_text(CONFIG, &config, key)? {
            None => special_text(SPECIAL_MAP, &special_map, key),
            text => Ok(text),
        };
        Ok(Self {
            bos: text("bos_token")?,
            eos: text("eos_token")?,
            unknown: text("unk_token")?,
            padding: text("pad_token")?,
            add_bos: boolean(&config, "add_bos_token")?,
            add_eos: boolean(&config, "add_eos_token")?,
            added_tokens: added_tokens(&config)?,
            chat_template: template(&config, "default")?,
            tool_template: template(&config, "tool_use")?,
        })
    }
}

/// A file that is not there says nothing.
fn object(name: &str, bytes: Option<&[u8]>) -> Result<Map<String, Value>, Fault> {
    let Some(bytes) = bytes else {
        return Ok(Map::new());
    };
    at_most(name, bytes, TokenizerFiles::MOST_CONFIG_BYTES)?;
    serde_json::from_slice(bytes).map_err(|error| Fault::Tokenizer(format!("{name}: {error}")))
}

/// A special token is its text, or an object with the text as its `content`.
fn special_text(
    file: &str,
    object: &Map<String, Value>,
    key: &str,
) -> Result<Option<String>, Fault> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(value) => match value.get("content").and_then(Value::as_str) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(wrong(file, key, "a string or an object with `content`")),
        },
    }
}

fn boolean(object: &Map<String, Value>, key: &str) -> Result<Option<bool>, Fault> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(b)) => Ok(Some(*b)),
        Some(_) => Err(wrong(CONFIG, key, "a boolean")),
    }
}

fn added_tokens(object: &Map<String, Value>) -> Result<Vec<AddedToken>, Fault> {
    const KEY: &str = "added_tokens_decoder";
    let wrong = || wrong(CONFIG, KEY, "an object of added tokens by their ids");
    let Some(tokens) = object.get(KEY) else {
        return Ok(Vec::new());
    };
    let mut tokens: Vec<(u32, AddedToken)> = tokens
        .as_object()
        .ok_or_else(wrong)?
        .iter()
        .map(|(id, token)| {
            let id = id.parse().map_err(|_| wrong())?;
            Ok((id, added_token(token).ok_or_else(wrong)?))
        })
        .collect::<Result<_, Fault>>()?;
    tokens.sort_by_key(|(id, _)| *id);
    Ok(tokens.into_iter().map(|(_, token)| token).collect())
}

fn added_token(value: &Value) -> Option<AddedToken> {
    let flag = |key| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    let special = flag("special");
    let normalized = value.get("normalized").and_then(Value::as_bool);
    let token = AddedToken::from(value.get("content")?.as_str()?, special)
        .single_word(flag("single_word"))
        .lstrip(flag("lstrip"))
        .rstrip(flag("rstrip"))
        .normalized(normalized.unwrap_or(!special));
    Some(token)
}

/// One template, which is the default, or a list of named ones.
fn template(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    const KEY: &str = "chat_template";
    match object.get(KEY) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(template)) => Ok((name == "default").then(|| template.clone())),
        Some(Value::Array(named)) => Ok(named
            .iter()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
            .and_then(|entry| Some(entry.get("template")?.as_str()?.to_owned()))),
        Some(_) => Err(wrong(CONFIG, KEY, "a string or a list of named templates")),
    }
}

fn wrong(file: &str, key: &str, wanted: &str) -> Fault {
    Fault::Tokenizer(format!("{file}: `{key}` must be {wanted}"))
}
