//! From a conversation to the text that the model was trained on.

mod engine;

use std::fmt;

use minijinja::Environment;
use stream_core::Message;

use self::engine::{FUEL, MOST_BYTES};

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
    /// The template used something that there is not, or used it wrongly.
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
/// of steps, writes a bounded text, and is read and run on a thread of its own with a large stack.
///
/// One thing is not bounded: a template that puts a namespace into itself and prints it, or that
/// slices one list some ten thousand times over, recurses in the template engine (minijinja
/// 3.1.0) until the stack ends, and with it the process.
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
        let environment = self.environment.as_ref().map_err(Clone::clone)?;
        engine::render(environment, messages, special)
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
