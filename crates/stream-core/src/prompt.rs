//! What a model is asked.

use crate::TokenId;

/// Who speaks in a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Instructions that stand over the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that chat templates use: `system`, `user`, `assistant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// A message of any role.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// The input of a [`Request`](crate::Request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text that goes to the tokenizer as it is; special tokens spelled out in it are parsed.
    Raw(String),
    /// A conversation, rendered by the model's chat template.
    Chat(Vec<Message>),
    /// Token ids, given to the model unchanged.
    Tokens(Vec<TokenId>),
}

impl Prompt {
    /// Whether there is nothing to answer: no text, no ids, or no message from the user or the
    /// assistant that says anything.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Raw(text) => text.is_empty(),
            Self::Tokens(ids) => ids.is_empty(),
            Self::Chat(messages) => !messages.iter().any(is_spoken),
        }
    }
}

fn is_spoken(message: &Message) -> bool {
    message.role != Role::System && !message.content.trim().is_empty()
}
