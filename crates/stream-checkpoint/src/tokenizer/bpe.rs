//! Byte-level BPE from a checked vocabulary.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::{AddedToken, Tokenizer};

use super::bytes::{Alphabet, Leading, TokenBytes};
use super::pre::Cut;
use super::vocabulary::{TokenType, Vocabulary, read_strings};
use crate::contain::{ORDINARY_STACK, contained};
use crate::error::Fault;
use crate::gguf::Metadata;

const MERGES: &str = "tokenizer.ggml.merges";

/// Words that each encoding thread remembers; chats repeat the template's words.
const CACHED_WORDS: usize = 1_000;

/// Builds the encoder. The library beneath panics on some vocabularies that contradict
/// themselves.
pub(super) fn build(
    metadata: &Metadata<'_>,
    vocabulary: &Vocabulary<'_>,
    cut: Cut,
) -> Result<Tokenizer, Fault> {
    let merges = read_strings(metadata, MERGES)?;
    let merges = split_merges(&merges)?;
    check_merge_lengths(vocabulary, &merges)?;
    let ids = ids(vocabulary)?;
    contained(ORDINARY_STACK, || assemble(vocabulary, &merges, ids, cut))
        .map_err(|error| Fault::Tokenizer(error.to_string()))?
        .map_err(|error| Fault::Tokenizer(error.to_string()))
}

fn assemble(
    vocabulary: &Vocabulary<'_>,
    merges: &[(&str, &str)],
    ids: Vocab,
    cut: Cut,
) -> Result<Tokenizer, tokenizers::Error> {
    let merges: Merges = merges
        .iter()
        .map(|(left, right)| ((*left).to_owned(), (*right).to_owned()))
        .collect();
    let model = BPE::builder()
        .vocab_and_merges(ids, merges)
        .cache_capacity(CACHED_WORDS)
        .ignore_merges(cut.ignores_merges)
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(cut.pre_tokenizer()?));
    add_tokens(&mut tokenizer, vocabulary)?;
    Ok(tokenizer)
}

/// Adds what is found in a text before it is cut into words.
pub(super) fn add_tokens(
    tokenizer: &mut Tokenizer,
    vocabulary: &Vocabulary<'_>,
) -> Result<(), tokenizers::Error> {
    use TokenType::{Control, Unknown, UserDefined};
    tokenizer.add_special_tokens(added(vocabulary, &[Control, Unknown], true))?;
    tokenizer.add_tokens(added(vocabulary, &[UserDefined], false))?;
    Ok(())
}

/// The bytes of every token, which is written in GPT-2's alphabet.
pub(super) fn token_bytes(vocabulary: &Vocabulary<'_>) -> TokenBytes {
    let alphabet = Alphabet::new();
    let mut table = TokenBytes::with_capacity(vocabulary.tokens.len(), Leading::Kept);
    for (_, text, kind) in vocabulary.iter() {
        match kind {
            TokenType::Normal => table.push(&alphabet.bytes(text)),
            TokenType::UserDefined => table.push(text.as_bytes()),
            _ => table.push(&[]),
        }
    }
    table
}

/// The id of every text; no two tokens have the same.
pub(super) fn ids(vocabulary: &Vocabulary<'_>) -> Result<Vocab, Fault> {
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

fn added(
    vocabulary: &Vocabulary<'_>,
    kinds: &[TokenType],
    special: bool,
) -> impl Iterator<Item = AddedToken> {
    vocabulary
        .iter()
        .filter(move |(_, text, k)| kinds.contains(k) && !text.is_empty())
        .map(move |(_, text, _)| AddedToken::from(text, special).normalized(false))
}

/// The builder joins a merge's halves in a buffer as long as the longest token.
fn check_merge_lengths(vocabulary: &Vocabulary<'_>, merges: &[(&str, &str)]) -> Result<(), Fault> {
    let longest = vocabulary.tokens.iter().map(|t| t.len()).max().unwrap_or(0);
    match merges.iter().find(|(a, b)| a.len() + b.len() > longest) {
        None => Ok(()),
        Some((left, right)) => Err(Fault::Tokenizer(format!(
            "the merge of {left:?} and {right:?} is longer than every token"
        ))),
    }
}

fn split_merges<'a>(merges: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, Fault> {
    merges
        .iter()
        .enumerate()
        .map(|(i, merge)| {
            split_pair(merge).ok_or_else(|| {
                let problem = format!("merge {i} is not two tokens with one space between");
                Fault::metadata(MERGES, problem)
            })
        })
        .collect()
}

/// No byte-level token holds a space: it is written `Ġ`.
fn split_pair(merge: &str) -> Option<(&str, &str)> {
    let (left, right) = merge.split_once(' ')?;
    (!left.is_empty() && !right.is_empty() && !right.contains(' ')).then_some((left, right))
}
