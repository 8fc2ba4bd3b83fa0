//! What the ids of a model mean.

use std::sync::Arc;

use stream_core::{Stop, TokenId, Tokenizer};

use crate::grammar::TokenMask;

/// Ids that mean the same to every answer.
pub(super) struct Vocabulary {
    tokenizer: Arc<dyn Tokenizer>,
    /// They end an answer.
    end_ids: Vec<TokenId>,
    /// Ids under it exist; a model may have logits for more (an embedding that was padded).
    usable: usize,
    /// Ids under it that the tokenizer has no bytes for: they are never chosen.
    holes: Vec<TokenId>,
    /// Those that add text and end nothing.
    texts: TokenMask,
}

impl Vocabulary {
    /// The ids of a model that has logits for `size` of them.
    pub(super) fn new(tokenizer: Arc<dyn Tokenizer>, size: usize) -> Self {
        let end_ids = tokenizer.end_ids().to_vec();
        let usable = size.min(tokenizer.vocabulary_size());
        let unknown = |id: &TokenId| tokenizer.token_bytes(*id).is_none() && !end_ids.contains(id);
        let is_text = |id: &TokenId| {
            !end_ids.contains(id) && tokenizer.token_bytes(*id).is_some_and(|b| !b.is_empty())
        };
        Self {
            texts: (0..usable as TokenId).filter(is_text).collect(),
            holes: (0..usable as TokenId).filter(unknown).collect(),
            usable,
            end_ids,
            tokenizer,
        }
    }

    pub(super) fn tokenizer(&self) -> &Arc<dyn Tokenizer> {
        &self.tokenizer
    }

    pub(super) fn end_ids(&self) -> &[TokenId] {
        &self.end_ids
    }

    pub(super) fn usable(&self) -> usize {
        self.usable
    }

    pub(super) fn holes(&self) -> &[TokenId] {
        &self.holes
    }

    pub(super) fn texts(&self) -> &TokenMask {
        &self.texts
    }

    /// What ends an answer that must match a grammar, where its text may end: the model's own
    /// end tokens, and stop ids that add no text.
    pub(super) fn ends(&self, stop: &Stop) -> Vec<TokenId> {
        let own = match stop.ignore_eos() {
            true => &[],
            false => self.end_ids(),
        };
        let silent = stop.ids().iter().filter(|&&id| !self.texts.allows(id));
        own.iter().chain(silent).copied().collect()
    }

    /// The bytes of an id; none of one that does not exist.
    pub(super) fn bytes(&self, id: TokenId) -> &[u8] {
        self.tokenizer.token_bytes(id).unwrap_or_default()
    }
}
