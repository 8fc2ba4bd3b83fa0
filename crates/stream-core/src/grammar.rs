//! The form that an answer must have.

use std::sync::Arc;

use crate::InvalidRequest;

/// The most bytes of a grammar's text, of all choices together.
const MOST_BYTES: usize = 256 * 1024;
/// The most alternatives of a [`Grammar::Choice`].
const MOST_CHOICES: usize = 4096;

/// What the whole text of an answer must match (structured output, constrained decoding).
///
/// The engine forbids every token that would break it, so that the text is a beginning of a match
/// at any time, and a match when the answer ends by itself. `max_tokens` and stop strings may
/// cut it off before. The model's end tokens, and stop ids that add no text, are allowed where the
/// text may end and nowhere else; with `ignore_eos` the answer goes on as long as the grammar lets
/// it, and then ends. Where `min_tokens` or bad words forbid all that the grammar allows, the
/// stream ends with [`Error::Grammar`](crate::Error::Grammar).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grammar {
    /// A JSON value that is valid by this JSON Schema. A keyword that the engine cannot keep is
    /// refused, not passed over.
    JsonSchema(Arc<str>),
    /// Any JSON object.
    JsonObject,
    /// A regular expression in the syntax of the crate `regex`; the whole text matches it.
    Regex(Arc<str>),
    /// A context-free grammar in the style of Lark, with the start rule `start`, as llguidance
    /// reads it.
    Lark(Arc<str>),
    /// One of these texts.
    Choice(Arc<[String]>),
}

impl Grammar {
    /// One of some texts.
    pub fn choice<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Self {
        Self::Choice(texts.into_iter().map(Into::into).collect())
    }

    /// Which kind it is, as vLLM's `structured_outputs` and users spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::JsonSchema(_) => "json_schema",
            Self::JsonObject => "json_object",
            Self::Regex(_) => "regex",
            Self::Lark(_) => "lark",
            Self::Choice(_) => "choice",
        }
    }

    /// What can be seen without reading it: that it says something, and is not too long.
    pub(crate) fn check(&self) -> Result<(), InvalidRequest> {
        match self {
            Self::JsonObject => Ok(()),
            Self::JsonSchema(text) | Self::Regex(text) | Self::Lark(text) => {
                self.check_length(text.trim().is_empty(), text.len())
            }
            Self::Choice(texts) if texts.len() > MOST_CHOICES => Err(InvalidRequest::new(
                self.kind(),
                format!("a list of {}", texts.len()),
                format!("at most {MOST_CHOICES} texts"),
            )),
            Self::Choice(texts) => {
                self.check_length(texts.is_empty(), texts.iter().map(String::len).sum())
            }
        }
    }

    fn check_length(&self, empty: bool, bytes: usize) -> Result<(), InvalidRequest> {
        let refused =
            |found: String, allowed: String| Err(InvalidRequest::new(self.kind(), found, allowed));
        if empty {
            return refused("empty".into(), "left out or a text".into());
        }
        if bytes > MOST_BYTES {
            let allowed = format!("at most {MOST_BYTES} bytes");
            return refused(format!("a text of {bytes} bytes"), allowed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn what_says_nothing_or_too_much_is_refused_by_its_kind() {
        let long = "x".repeat(MOST_BYTES + 1);
        let half = || "x".repeat(MOST_BYTES / 2 + 1);
        let many = (0..=MOST_CHOICES).map(|i| i.to_string());
        let cases = [
            (Grammar::JsonSchema(" \n".into()), "json_schema is empty"),
            (Grammar::Regex("".into()), "regex is empty"),
            (Grammar::Lark("".into()), "lark is empty"),
            (Grammar::choice([""; 0]), "choice is empty"),
            (Grammar::Lark(long.into()), "lark is a text of 262145 bytes"),
            (
                Grammar::choice([half(), half()]),
                "choice is a text of 262146 bytes",
            ),
            (Grammar::choice(many), "choice is a list of 4097"),
        ];
        for (grammar, expected) in cases {
            let refused = Request::raw("x").grammar(grammar).build().unwrap_err();
            let message = refused.to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn the_longest_that_is_allowed_is_kept() {
        let longest = Grammar::Regex("x".repeat(MOST_BYTES).into());
        let request = Request::raw("x").grammar(longest.clone()).build().unwrap();
        assert_eq!(request.grammar(), Some(&longest));
        assert_eq!(Grammar::choice(["", "a"]).check(), Ok(()));
        assert_eq!(Grammar::JsonObject.check(), Ok(()));
    }
}
