//! Tokens that the metadata or their text gives a meaning.

use stream_core::TokenId;

use super::vocabulary::{TokenType, Vocabulary};
use crate::error::Fault;
use crate::gguf::Metadata;

/// Tokens that end a turn or a text by their name: a file may name only one of them as
/// its `eos_token_id` (Llama 3 files name `<|end_of_text|>` where chats end with `<|eot_id|>`).
const END_TEXTS: [&str; 8] = [
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
];

/// The ids with a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpecialTokens {
    pub(crate) bos: Option<TokenId>,
    pub(crate) eos: Option<TokenId>,
    pub(crate) unknown: Option<TokenId>,
    pub(crate) padding: Option<TokenId>,
    pub(crate) add_bos: bool,
    /// Sorted, without doubles.
    pub(crate) end: Vec<TokenId>,
}

impl SpecialTokens {
    pub(super) fn read(
        metadata: &Metadata<'_>,
        vocabulary: &Vocabulary<'_>,
        bos_by_default: bool,
    ) -> Result<Self, Fault> {
        let id = |name: &str| read_id(metadata, name, vocabulary.tokens.len());
        let (bos, eos) = (id("bos")?, id("eos")?);
        let named = [eos, id("eot")?, id("eom")?];
        Ok(Self {
            bos,
            eos,
            unknown: id("unknown")?,
            padding: id("padding")?,
            add_bos: add_bos(metadata, bos, bos_by_default)?,
            end: end_ids(vocabulary, &named),
        })
    }
}

fn read_id(metadata: &Metadata<'_>, name: &str, tokens: usize) -> Result<Option<TokenId>, Fault> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    let id = metadata.integer(&key, (tokens as u64).saturating_sub(1))?;
    Ok(id.map(|id| id as TokenId))
}

fn add_bos(metadata: &Metadata<'_>, bos: Option<TokenId>, by_default: bool) -> Result<bool, Fault> {
    const KEY: &str = "tokenizer.ggml.add_bos_token";
    match metadata.boolean(KEY)? {
        Some(true) if bos.is_none() => {
            Err(Fault::metadata(KEY, "is true, but there is no BOS token"))
        }
        Some(stated) => Ok(stated),
        None => Ok(by_default && bos.is_some()),
    }
}

fn end_ids(vocabulary: &Vocabulary<'_>, named: &[Option<TokenId>]) -> Vec<TokenId> {
    let by_text = vocabulary
        .iter()
        .filter(|(_, text, kind)| is_named(*kind) && END_TEXTS.contains(text))
        .map(|(id, _, _)| id);
    let mut ids: Vec<_> = named.iter().copied().flatten().chain(by_text).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// A file may call such a token user-defined instead of control.
fn is_named(kind: TokenType) -> bool {
    matches!(kind, TokenType::Control | TokenType::UserDefined)
}
