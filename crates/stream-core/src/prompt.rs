//! What a model is asked.

use std::sync::Arc;

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

/// A conversation with what a [`Message`] has no place for: tools, their calls and results. Lists
/// are JSON texts in the form of OpenAI's chat completions, so that members keep their order in
/// what a chat template writes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// A JSON array of messages, objects with `role`, `content`, and where they have them
    /// `tool_calls` or `tool_call_id`.
    pub messages: Arc<str>,
    /// A JSON array of the functions that the model may call, if there are any.
    pub tools: Option<Arc<str>>,
    /// Variables for the chat template, with their values as JSON (vLLM's
    /// `chat_template_kwargs`).
    pub variables: Vec<(String, String)>,
}

impl Conversation {
    /// Messages without tools or variables.
    pub fn new(messages: impl Into<Arc<str>>) -> Self {
        Self {
            messages: messages.into(),
            tools: None,
            variables: Vec::new(),
        }
    }

    /// With functions that the model may call.
    #[must_use]
    pub fn with_tools(mut self, tools: impl Into<Arc<str>>) -> Self {
        self.tools = Some(tools.into());
        self
    }
}

/// The input of a [`Request`](crate::Request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text that goes to the tokenizer as it is; special tokens spelled out in it are parsed.
    Raw(String),
    /// A conversation, rendered by the model's chat template.
    Chat(Vec<Message>),
    /// A conversation in JSON, with tools, rendered by the model's chat template.
    Conversation(Conversation),
    /// Token ids, given to the model unchanged.
    Tokens(Vec<TokenId>),
}

impl Prompt {
    /// Whether there is nothing to answer: no text, no ids, or no message from the user or the
    /// assistant that says anything. Of a conversation in JSON it is only seen that it has a
    /// message.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Raw(text) => text.is_empty(),
            Self::Tokens(ids) => ids.is_empty(),
            Self::Chat(messages) => !messages.iter().any(is_spoken),
            Self::Conversation(conversation) => {
                matches!(conversation.messages.trim(), "" | "[]")
            }
        }
    }
}

fn is_spoken(message: &Message) -> bool {
    message.role != Role::System && !message.content.trim().is_empty()
}
