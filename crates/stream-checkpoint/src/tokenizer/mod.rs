//! Text to token ids and back, as a model's file says.

mod bpe;
mod bytes;
mod pre;
mod special;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::fmt;

use stream_core::{Message, TokenId, TokenizeError, Tokenizer};

use self::bytes::TokenBytes;
use self::pre::Cut;
use self::vocabulary::Vocabulary;
use crate::chat_template::{ChatTemplate, SpecialTexts};
use crate::error::Fault;
use crate::gguf::{Metadata, missing};

pub(crate) use self::special::SpecialTokens;
pub(crate) use self::vocabulary::token_count;

const KIND: &str = "tokenizer.ggml.model";
const KNOWN_KINDS: [&str; 1] = ["gpt2"];
const TEMPLATE: &str = "tokenizer.chat_template";

/// A model's tokenizer with its chat template.
///
/// A byte that no token stands for is left out of a text, as in llama.cpp: SmolLM2's vocabulary
/// lacks some control characters.
pub struct ModelTokenizer {
    encoder: tokenizers::Tokenizer,
    bytes: TokenBytes,
    special: SpecialTokens,
    texts: SpecialTexts,
    template: Option<ChatTemplate>,
}

impl ModelTokenizer {
    pub(crate) fn read(metadata: &Metadata<'_>) -> Result<Self, Fault> {
        check_kind(metadata)?;
        let cut = Cut::read(metadata)?;
        let vocabulary = Vocabulary::read(metadata)?;
        let special = SpecialTokens::read(metadata, &vocabulary, cut.adds_bos())?;
        Ok(Self {
            encoder: bpe::build(&vocabulary, cut)?,
            bytes: TokenBytes::new(&vocabulary),
            texts: texts(&special, &vocabulary),
            special,
            template: metadata.string(TEMPLATE)?.map(ChatTemplate::new),
        })
    }

    /// The chat template, if the file has one.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    pub(crate) fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The BOS token if prompts begin with it.
    fn prefix(&self) -> Option<TokenId> {
        self.special.bos.filter(|_| self.special.add_bos)
    }

    fn ids(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        self.encoder
            .encode_fast(text, false)
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| TokenizeError::new(format!("the text cannot be encoded: {error}")))
    }
}

impl Tokenizer for ModelTokenizer {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let mut ids = self.ids(text)?;
        ids.splice(0..0, self.prefix());
        Ok(ids)
    }

    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        let template = self
            .template
            .as_ref()
            .ok_or_else(|| TokenizeError::new("the model has no chat template"))?;
        template
            .render(messages, &self.texts)
            .map_err(|error| TokenizeError::new(error.to_string()))
    }

    fn encode_chat(&self, rendered: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let mut ids = self.ids(rendered)?;
        let prefix = self.prefix().filter(|bos| ids.first() != Some(bos));
        ids.splice(0..0, prefix);
        Ok(ids)
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.bytes.get(id)
    }

    fn vocabulary_size(&self) -> usize {
        self.bytes.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &self.special.end
    }
}

impl fmt::Debug for ModelTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelTokenizer")
            .field("vocabulary_size", &self.vocabulary_size())
            .field("special", &self.special)
            .finish_non_exhaustive()
    }
}

fn check_kind(metadata: &Metadata<'_>) -> Result<(), Fault> {
    match metadata.string(KIND)?.ok_or_else(|| missing(KIND))? {
        "gpt2" => Ok(()),
        other => Err(Fault::UnsupportedTokenizer {
            key: KIND,
            found: other.to_owned(),
            known: &KNOWN_KINDS,
        }),
    }
}

fn texts(special: &SpecialTokens, vocabulary: &Vocabulary<'_>) -> SpecialTexts {
    let text = |id: Option<TokenId>| id.map(|id| vocabulary.tokens[id as usize].to_owned());
    SpecialTexts {
        bos: text(special.bos),
        eos: text(special.eos),
        unknown: text(special.unknown),
        padding: text(special.padding),
    }
}
