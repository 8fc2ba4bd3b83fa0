//! The token list of a GGUF file, checked.

use crate::error::Fault;
use crate::gguf::{Array, Metadata, missing};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";

/// The largest known vocabulary has 262,144 tokens, and about as many merges.
const MOST_TOKENS: usize = 1 << 20;
/// Bytes of all tokens together; the largest known vocabulary has 3 MB.
const MOST_TEXT: usize = 1 << 28;

/// What a token is for (`llama_token_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    /// Text, in the byte-level alphabet or with spaces as `▁`.
    Normal,
    /// Stands for what no other token does, and for no text of its own.
    Unknown,
    /// A sign to the model; it stands for no text.
    Control,
    /// Text as it is, never split.
    UserDefined,
    /// Never met: a placeholder.
    Unused,
    /// One byte of a character that has no token, in SentencePiece vocabularies: `<0xAB>`.
    Byte,
}

impl TokenType {
    /// Undefined, normal, unknown, control, user-defined, unused, byte.
    const BY_NUMBER: [Self; 7] = [
        Self::Normal,
        Self::Normal,
        Self::Unknown,
        Self::Control,
        Self::UserDefined,
        Self::Unused,
        Self::Byte,
    ];
}

/// Tokens in the order of their ids, borrowing from the file.
pub(super) struct Vocabulary<'a> {
    pub(super) tokens: Vec<&'a str>,
    pub(super) types: Vec<TokenType>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn read(metadata: &Metadata<'a>) -> Result<Self, Fault> {
        let tokens = read_strings(metadata, TOKENS)?;
        check_text(&tokens)?;
        let types = read_types(metadata, tokens.len())?;
        Ok(Self { tokens, types })
    }

    /// Ids, texts and types.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &'a str, TokenType)> {
        let typed = self.tokens.iter().zip(&self.types);
        (0..)
            .zip(typed)
            .map(|(id, (text, kind))| (id, *text, *kind))
    }
}

/// How many tokens a file has: one at least.
pub(crate) fn token_count(metadata: &Metadata<'_>) -> Result<usize, Fault> {
    match array(metadata, TOKENS)?.len() {
        0 => Err(Fault::metadata(TOKENS, "is empty")),
        count => Ok(count),
    }
}

/// An array that is there and is not too long.
fn array<'a>(metadata: &Metadata<'a>, key: &str) -> Result<Array<'a>, Fault> {
    let array = metadata.array(key)?.ok_or_else(|| missing(key))?;
    match array.len() {
        0..=MOST_TOKENS => Ok(array),
        count => {
            let problem = format!("has {count} elements, at most {MOST_TOKENS} are read");
            Err(Fault::metadata(key, problem))
        }
    }
}

pub(super) fn read_strings<'a>(metadata: &Metadata<'a>, key: &str) -> Result<Vec<&'a str>, Fault> {
    let strings = array(metadata, key)?
        .strings()
        .ok_or_else(|| Fault::metadata(key, "is not an array of strings"))?;
    strings
        .enumerate()
        .map(|(i, bytes)| {
            std::str::from_utf8(bytes)
                .map_err(|error| Fault::metadata(key, format!("element {i} is not UTF-8: {error}")))
        })
        .collect()
}

fn check_text(tokens: &[&str]) -> Result<(), Fault> {
    match tokens.iter().map(|token| token.len()).sum() {
        0..=MOST_TEXT => Ok(()),
        bytes => {
            let problem = format!("has {bytes} bytes of text, at most {MOST_TEXT} are read");
            Err(Fault::metadata(TOKENS, problem))
        }
    }
}

fn read_types(metadata: &Metadata<'_>, tokens: usize) -> Result<Vec<TokenType>, Fault> {
    let Some(array) = metadata.array(TYPES)? else {
        return Ok(vec![TokenType::Normal; tokens]);
    };
    if array.len() != tokens {
        let problem = format!("has {} elements for {tokens} tokens", array.len());
        return Err(Fault::metadata(TYPES, problem));
    }
    let numbers = array
        .integers()
        .ok_or_else(|| Fault::metadata(TYPES, "is not an array of integers"))?;
    numbers.enumerate().map(read_type).collect()
}

/// The score of every token: a number, the higher the more urgent.
pub(super) fn read_scores(metadata: &Metadata<'_>, tokens: usize) -> Result<Vec<f32>, Fault> {
    let wrong = |problem: String| Fault::metadata(SCORES, problem);
    let array = array(metadata, SCORES)?;
    let floats = array
        .floats()
        .ok_or_else(|| wrong("is not an array of 32-bit floats".to_owned()))?;
    let scores: Vec<f32> = floats.collect();
    if scores.len() != tokens {
        let found = scores.len();
        return Err(wrong(format!("has {found} elements for {tokens} tokens")));
    }
    match scores.iter().position(|score| score.is_nan()) {
        None => Ok(scores),
        Some(id) => Err(wrong(format!("token {id} has a score that is no number"))),
    }
}

fn read_type((id, number): (usize, i128)) -> Result<TokenType, Fault> {
    usize::try_from(number)
        .ok()
        .and_then(|number| TokenType::BY_NUMBER.get(number).copied())
        .ok_or_else(|| {
            let problem = format!("token {id} has the type {number}, known are 0 to 6");
            Fault::metadata(TYPES, problem)
        })
}
