//! What an engine in this process needs to know of its model's tokenizer.

use crate::{Conversation, Message, TokenId};

/// A text or a conversation could not be turned into token ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TokenizeError {
    /// What went wrong and where.
    pub message: String,
}

impl TokenizeError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Text to token ids and back to bytes.
///
/// Decoding is defined by [`token_bytes`](Tokenizer::token_bytes): the text of a sequence is the
/// concatenation of its tokens' bytes, read as UTF-8 with U+FFFD for what is not.
pub trait Tokenizer: Send + Sync + 'static {
    /// The ids of `text`, with what the model wants in front (a BOS token, if it does).
    /// Special tokens that are spelled out in `text` become their ids.
    ///
    /// # Errors
    /// If the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError>;

    /// The text that the model's chat template makes of `messages`, ending where the
    /// assistant's turn begins.
    ///
    /// # Errors
    /// If the model has no chat template, or the template refuses the messages.
    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError>;

    /// The same for a conversation in JSON.
    ///
    /// # Errors
    /// As [`render_chat`](Tokenizer::render_chat), and if it is not JSON of the right form, or
    /// the template knows no tools. A tokenizer that does not override this refuses all of them.
    fn render_conversation(&self, conversation: &Conversation) -> Result<String, TokenizeError> {
        let _ = conversation;
        let message = "this tokenizer renders messages of a role and a text alone, without tools";
        Err(TokenizeError::new(message))
    }

    /// The ids of a rendered chat: as [`encode`](Tokenizer::encode), but with nothing put in
    /// front that the template already wrote.
    ///
    /// # Errors
    /// If the text cannot be tokenised.
    fn encode_chat(&self, rendered: &str) -> Result<Vec<TokenId>, TokenizeError> {
        self.encode(rendered)
    }

    /// The bytes that `id` adds to the text: none for a special token, `None` for an id outside
    /// the vocabulary.
    fn token_bytes(&self, id: TokenId) -> Option<&[u8]>;

    /// How many ids there are: every id is smaller than this.
    fn vocabulary_size(&self) -> usize;

    /// The ids that end a generation (end of text, end of turn).
    fn end_ids(&self) -> &[TokenId];
}
