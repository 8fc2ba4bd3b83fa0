//! SentencePiece's BPE from a checked vocabulary with scores.
//!
//! SentencePiece has no list of merges: it joins the two neighbours whose joint text is the piece
//! with the highest score (`bpe_model.cc` of sentencepiece, `llm_tokenizer_spm` of llama.cpp). The
//! same comes of a list of merges, one for each way to make a piece of two, the highest score
//! first, as in transformers' `convert_slow_tokenizer.py`.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Merges};
use tokenizers::normalizers::{Prepend, Replace, Sequence};
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::bpe;
use super::bytes::{Leading, TokenBytes, fallback_byte};
use super::vocabulary::{TokenType, Vocabulary};
use crate::contain::{ORDINARY_STACK, contained};
use crate::error::Fault;
use crate::gguf::Metadata;

const SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";

/// How a space is written in a piece.
const SPACE: &str = "\u{2581}";

/// The sum of the squared lengths of all pieces, which bounds the search for merges. The largest
/// known vocabulary has 20 million.
const MOST_WORK: usize = 1 << 30;

/// Whether a text gets a space in front, and each part of it that follows a special token
/// (`llama_vocab::impl::tokenize`).
pub(super) fn adds_space_prefix(metadata: &Metadata<'_>) -> Result<bool, Fault> {
    Ok(metadata.boolean(SPACE_PREFIX)?.unwrap_or(true))
}

/// Builds the encoder.
pub(super) fn build(
    vocabulary: &Vocabulary<'_>,
    scores: &[f32],
    space_prefix: bool,
) -> Result<Tokenizer, Fault> {
    let merges = merges(vocabulary, scores)?;
    let ids = bpe::ids(vocabulary)?;
    let unknown = unknown(vocabulary);
    let assemble = || {
        let mut model = BPE::builder()
            .vocab_and_merges(ids, merges)
            .byte_fallback(true)
            .fuse_unk(true);
        if let Some(unknown) = unknown {
            model = model.unk_token(unknown.to_owned());
        }
        let mut tokenizer = Tokenizer::new(model.build()?);
        tokenizer.with_normalizer(Some(spaces(space_prefix)?))?;
        bpe::add_tokens(&mut tokenizer, vocabulary)?;
        Ok::<_, tokenizers::Error>(tokenizer)
    };
    contained(ORDINARY_STACK, assemble)
        .map_err(|error| Fault::Tokenizer(error.to_string()))?
        .map_err(|error| Fault::Tokenizer(error.to_string()))
}

/// What a character without a token and without byte tokens becomes.
fn unknown<'a>(vocabulary: &Vocabulary<'a>) -> Option<&'a str> {
    let mut tokens = vocabulary.iter();
    let found = tokens.find(|(_, _, kind)| *kind == TokenType::Unknown);
    found.map(|(_, text, _)| text)
}

fn spaces(prefix: bool) -> Result<NormalizerWrapper, tokenizers::Error> {
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if prefix {
        steps.push(Prepend::new(SPACE.to_owned()).into());
    }
    steps.push(Replace::new(" ", SPACE)?.into());
    Ok(Sequence::new(steps).into())
}

/// Every way to make a piece of two others, the most urgent first.
fn merges(vocabulary: &Vocabulary<'_>, scores: &[f32]) -> Result<Merges, Fault> {
    let pieces: HashMap<&str, f32> = vocabulary
        .iter()
        .zip(scores)
        .filter(|((_, _, kind), _)| *kind == TokenType::Normal)
        .map(|((_, text, _), score)| (text, *score))
        .collect();
    check_work(&pieces)?;
    let mut merges: Vec<(f32, &str, &str)> = Vec::new();
    for (piece, score) in &pieces {
        let places = piece.char_indices().skip(1);
        let halves = places.map(|(place, _)| piece.split_at(place));
        let known = halves.filter(|(l, r)| pieces.contains_key(l) && pieces.contains_key(r));
        merges.extend(known.map(|(left, right)| (*score, left, right)));
    }
    // The longer left half first: what SentencePiece does in a run of one character.
    merges.sort_unstable_by(|(a, left_a, right_a), (b, left_b, right_b)| {
        let longer = left_b.len().cmp(&left_a.len());
        b.total_cmp(a)
            .then(longer)
            .then_with(|| (left_a, right_a).cmp(&(left_b, right_b)))
    });
    let owned = |(_, left, right): (f32, &str, &str)| (left.to_owned(), right.to_owned());
    Ok(merges.into_iter().map(owned).collect())
}

fn check_work(pieces: &HashMap<&str, f32>) -> Result<(), Fault> {
    let squares = pieces.keys().map(|piece| piece.len() * piece.len());
    match squares.fold(0, usize::saturating_add) {
        0..=MOST_WORK => Ok(()),
        _ => Err(Fault::Tokenizer(
            "its pieces are too long to look for merges in".to_owned(),
        )),
    }
}

/// The bytes of every token.
pub(super) fn token_bytes(vocabulary: &Vocabulary<'_>, space_prefix: bool) -> TokenBytes {
    let leading = match space_prefix {
        true => Leading::Stripped {
            content: ' ',
            most: 1,
        },
        false => Leading::Kept,
    };
    let mut table = TokenBytes::with_capacity(vocabulary.tokens.len(), leading);
    for (_, text, kind) in vocabulary.iter() {
        match kind {
            TokenType::Normal => table.push(text.replace(SPACE, " ").as_bytes()),
            TokenType::UserDefined => table.push(text.as_bytes()),
            TokenType::Byte => table.push(fallback_byte(text).as_slice()),
            TokenType::Control | TokenType::Unknown | TokenType::Unused => table.push(&[]),
        }
    }
    table
}
