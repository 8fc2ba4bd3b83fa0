//! Text to token ids and back, as a model's file says.

mod bpe;
mod bytes;
mod conversation;
mod gguf;
mod hugging_face;
mod pre;
mod special;
mod spm;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stream_core::{Conversation, Message, TokenId, TokenizeError, Tokenizer};

use self::bytes::TokenBytes;
use crate::chat_template::{ChatInput, ChatTemplate, Messages, SpecialTexts};

pub use self::hugging_face::TokenizerFiles;
pub(crate) use self::special::SpecialTokens;
pub(crate) use self::vocabulary::token_count;

/// A model's tokenizer with its chat template.
///
/// A byte that no token stands for is left out of a text, as in llama.cpp: SmolLM2's vocabulary
/// lacks some control characters.
pub struct ModelTokenizer {
    encoder: tokenizers::Tokenizer,
    bytes: TokenBytes,
    special: SpecialTokens,
    texts: SpecialTexts,
    templates: Templates,
    frame: Frame,
}

/// The chat templates; a model may have one of its own for conversations with tools.
#[derive(Debug, Default)]
struct Templates {
    chat: Option<ChatTemplate>,
    /// `tool_use`
    tools: Option<ChatTemplate>,
}

/// What stands around a text.
#[derive(Debug)]
struct Frame {
    before: Vec<TokenId>,
    after: Vec<TokenId>,
    /// A chat begins with this token even where its template did not write it.
    chat_bos_once: Option<TokenId>,
}

impl ModelTokenizer {
    /// The chat template, if the file has one.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.templates.chat.as_ref()
    }

    /// The text of a conversation with all that a template may be told of it. With tools, the
    /// model's template named `tool_use` is taken if it has one, as in transformers.
    ///
    /// # Errors
    /// If the model has no chat template, or as [`ChatTemplate::render_with`].
    pub fn render_chat_with(&self, input: &ChatInput<'_>) -> Result<String, TokenizeError> {
        let for_tools = self.templates.tools.as_ref();
        for_tools
            .filter(|_| input.tools.is_some())
            .or(self.chat_template())
            .ok_or_else(|| TokenizeError::new("the model has no chat template"))?
            .render_with(input, &self.texts)
            .map_err(|error| TokenizeError::new(error.to_string()))
    }

    pub(crate) fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The text of `ids`, the first of which begins it.
    ///
    /// This is what [`token_bytes`](Tokenizer::token_bytes) give one after the other, but for
    /// vocabularies of SentencePiece: they put a space before a text, and decoding takes it away
    /// again. An answer is not decoded with this: it goes on where its prompt ended, and its
    /// first space is part of it.
    pub fn decode(&self, ids: &[TokenId]) -> String {
        self.bytes.decode(ids)
    }

    fn ids(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let failed =
            |reason: &str| TokenizeError::new(format!("the text cannot be encoded: {reason}"));
        // A vocabulary that contradicts itself can make the library beneath panic.
        catch_unwind(AssertUnwindSafe(|| self.encoder.encode_fast(text, false)))
            .map_err(|_| failed("the tokenizer's data made its library panic"))?
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| failed(&error.to_string()))
    }
}

impl Tokenizer for ModelTokenizer {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let ids = self.ids(text)?;
        Ok([&self.frame.before[..], &ids, &self.frame.after].concat())
    }

    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        self.render_chat_with(&ChatInput::new(messages))
    }

    fn render_conversation(&self, conversation: &Conversation) -> Result<String, TokenizeError> {
        let knows_tools = self
            .templates
            .tools
            .as_ref()
            .or(self.chat_template())
            .is_some_and(|template| template.source().contains("tools"));
        let form = match knows_tools {
            true => conversation::for_template(conversation),
            false => conversation::in_messages(conversation),
        };
        let messages = form.map_err(|error| TokenizeError::new(error.to_string()))?;
        let variables = conversation.variables.iter();
        let variables: Vec<_> = variables.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.render_chat_with(&ChatInput {
            messages: Messages::Json(&messages),
            tools: conversation.tools.as_deref().filter(|_| knows_tools),
            documents: None,
            add_generation_prompt: true,
            variables: &variables,
        })
    }

    fn encode_chat(&self, rendered: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let mut ids = self.ids(rendered)?;
        let bos = self.frame.chat_bos_once;
        let prefix = bos.filter(|bos| ids.first() != Some(bos));
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
