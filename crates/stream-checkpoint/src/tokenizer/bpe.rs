//! Byte-level BPE from a checked vocabulary.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::{AddedToken, Tokenizer};

use super::pre::Cut;
use super::vocabulary::{TokenType, Vocabulary};
use crate::contain::{ORDINARY_STACK, contained};
use crate::error::Fault;

/// Words that each encoding thread remembers; chats repeat the template's words.
const CACHED_WORDS: usize = 1_000;

/// Builds the encoder. The library beneath panics on some vocabularies that contradict
/// themselves.
pub(super) fn build(vocabulary: &Vocabulary<'_>, cut: Cut) -> Result<Tokenizer, Fault> {
    check_merge_lengths(vocabulary)?;
    let ids = ids(vocabulary)?;
    contained(ORDINARY_STACK, || assemble(vocabulary, ids, cut))
        .map_err(|error| Fault::Tokenizer(error.to_string()))?
        .map_err(|error| Fault::Tokenizer(error.to_string()))
}

fn assemble(
    vocabulary: &Vocabulary<'_>,
    ids: Vocab,
    cut: Cut,
) -> Result<Tokenizer, tokenizers::Error> {
    let merges: Merges = vocabulary
        .merges
        .iter()
        .map(|(left, right)| ((*left).to_owned(), (*right).to_owned()))
        .collect();
    let model = BPE::builder()
        .vocab_and_merges(ids, merges)
        .cache_capacity(CACHED_WORDS)
        .ignore_merges(cut.ignores_merges())
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(cut.pre_tokenizer()?));
    tokenizer.add_special_tokens(added(vocabulary, TokenType::Control, true))?;
    tokenizer.add_tokens(added(vocabulary, TokenType::UserDefined, false))?;
    Ok(tokenizer)
}

/// The id of every text; no two tokens have the same.
fn ids(vocabulary: &Vocabulary<'_>) -> Result<Vocab, Fault> {
    let ids: Vocab = vocabulary
        .iter()
        .map(|(id, text, _)| (text.to_owned(), id))
        .collect();
    match ids.len() == vocabulary.tokens.len() {
        true => Ok(ids),
        false => Err(repeated(vocabulary)),
    }
}

fn repeated(vocabulary: &Vocabulary<'_>) -> Fault {
    let mut first = HashMap::new();
    let again = vocabulary
        .iter()
        .find_map(|(id, text, _)| Some((first.insert(text, id)?, id, text)));
    let (first, id, text) = again.unwrap_or_default();
    Fault::Tokenizer(format!("tokens {first} and {id} are both {text:?}"))
}

/// Tokens that are found in a text before it is cut into words.
fn added(
    vocabulary: &Vocabulary<'_>,
    kind: TokenType,
    special: bool,
) -> impl Iterator<Item = AddedToken> {
    vocabulary
        .iter()
        .filter(move |(_, text, k)| *k == kind && !text.is_empty())
        .map(move |(_, text, _)| AddedToken::from(text, special).normalized(false))
}

/// The builder joins a merge's halves in a buffer as long as the longest token.
fn check_merge_lengths(vocabulary: &Vocabulary<'_>) -> Result<(), Fault> {
    let longest = vocabulary.tokens.iter().map(|t| t.len()).max().unwrap_or(0);
    let merges = vocabulary.merges.iter();
    match merges.clone().find(|(a, b)| a.len() + b.len() > longest) {
        None => Ok(()),
        Some((left, right)) => Err(Fault::Tokenizer(format!(
            "the merge of {left:?} and {right:?} is longer than every token"
        ))),
    }
}
