//! From a conversation to the text that the model was trained on.

mod engine;
mod input;
mod json;
mod methods;
mod namespace;
mod source;

use std::fmt;

use minijinja::Environment;
use stream_core::Message;

pub use self::input::{ChatInput, Messages};

/// What the template engine may spend on one conversation. An instruction costs one, and so do 64
/// bytes of data, which bounds the memory to about 32 MB.
const FUEL: u64 = 500_000;
/// The longest text that a template may write, far above any context.
const MOST_BYTES: usize = 16 << 20;

/// Why a chat template gave no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChatTemplateError {
    /// The template is not in the language of templates (Jinja 2).
    #[error("the chat template has a mistake: {0}")]
    Syntax(String),
    /// The template itself refused the messages, through `raise_exception`: for example roles
    /// that do not alternate.
    #[error("the chat template refuses these messages: {0}")]
    Refused(String),
    /// The template ran too long.
    #[error("the chat template did not end within {FUEL} steps")]
    OutOfFuel,
    /// The template wrote too much.
    #[error("the chat template wrote more than {MOST_BYTES} bytes")]
    TooLong,
    /// A variable that a request may not set: one that the template is given by the conversation
    /// itself, or one that no known template asks for.
    #[error("a request cannot set the template's variable `{name}`; it can set: {}", ChatInput::VARIABLES.join(", "))]
    Variable {
        /// Its name.
        name: String,
    },
    /// A part of the conversation is not JSON of the right kind.
    #[error("the chat's {part} must be {wanted}: {problem}")]
    Input {
        /// Which part.
        part: String,
        /// What it must be.
        wanted: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The template used something that there is not, or used it wrongly; says in which line.
    #[error("the chat template failed: {0}")]
    Failed(String),
}

/// The texts of the special tokens that a template may write; `None` if the model has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpecialTexts {
    /// `bos_token`
    pub bos: Option<String>,
    /// `eos_token`
    pub eos: Option<String>,
    /// `unk_token`
    pub unknown: Option<String>,
    /// `pad_token`
    pub padding: Option<String>,
}

/// A model's chat template: Jinja 2 as `apply_chat_template` of Python's transformers runs it.
///
/// A template comes with the model and is not trusted: it reads no file, takes a bounded number
/// of steps, which data costs too, writes a bounded text, and is read and run on a thread of its
/// own with a large stack. What it keeps in a `namespace` cannot be printed as a whole, so that
/// one that holds itself does no harm.
pub struct ChatTemplate {
    source: String,
    environment: Result<Environment<'static>, ChatTemplateError>,
}

impl ChatTemplate {
    /// The template with this source. A mistake in it is told by [`render`](Self::render), so
    /// that a model with a broken template can still be used without it.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            environment: engine::compile(source),
        }
    }

    /// The template as it stands in the model's file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of a conversation, up to where the assistant's turn begins.
    ///
    /// # Errors
    /// If the template has a mistake, refuses the messages, or takes too many steps.
    pub fn render(
        &self,
        messages: &[Message],
        special: &SpecialTexts,
    ) -> Result<String, ChatTemplateError> {
        self.render_with(&ChatInput::new(messages), special)
    }

    /// The text of a conversation with all that a template may be told of it.
    ///
    /// # Errors
    /// As [`render`](Self::render), and if the input is not what it must be or sets a variable
    /// that it must not.
    pub fn render_with(
        &self,
        input: &ChatInput<'_>,
        special: &SpecialTexts,
    ) -> Result<String, ChatTemplateError> {
        let environment = self.environment.as_ref().map_err(Clone::clone)?;
        engine::render(environment, input, special)
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
