//! When an answer ends before its `max_tokens`.

use crate::{InvalidRequest, TokenId};

/// The most stop strings that one request may name.
const MAX_STRINGS: usize = 16;
/// The most bytes of one stop string.
const MAX_BYTES: usize = 1024;
/// The most stop ids that one request may name.
const MAX_IDS: usize = 128;

/// The conditions that end an answer, checked when they are built. The default is the model's
/// own end token and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stop {
    strings: Vec<String>,
    ids: Vec<TokenId>,
    include_in_output: bool,
    ignore_eos: bool,
    min_tokens: usize,
}

impl Stop {
    /// Starts from the default.
    pub fn builder() -> StopBuilder {
        StopBuilder {
            draft: Self::default(),
        }
    }

    /// Texts that end the answer where they first appear.
    pub fn strings(&self) -> &[String] {
        &self.strings
    }

    /// Ids that end the answer, besides the model's own.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// Whether the text keeps the stop string that ended it.
    pub fn include_in_output(&self) -> bool {
        self.include_in_output
    }

    /// Whether the model's own end tokens are taken as ordinary ones.
    pub fn ignore_eos(&self) -> bool {
        self.ignore_eos
    }

    /// Tokens to make before anything but `max_tokens` may end the answer. Until then end and
    /// stop ids cannot be chosen, and a stop string that is completed is ordinary text.
    pub fn min_tokens(&self) -> usize {
        self.min_tokens
    }
}

/// Collects the conditions of a [`Stop`] and checks them in [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct StopBuilder {
    draft: Stop,
}

impl StopBuilder {
    /// Adds a stop string: 1 to 1024 bytes, at most 16 of them.
    pub fn string(mut self, text: impl Into<String>) -> Self {
        self.draft.strings.push(text.into());
        self
    }

    /// Adds stop strings.
    pub fn strings<S: Into<String>>(mut self, texts: impl IntoIterator<Item = S>) -> Self {
        self.draft.strings.extend(texts.into_iter().map(Into::into));
        self
    }

    /// Adds a stop id, at most 128 of them.
    pub fn id(mut self, id: TokenId) -> Self {
        self.draft.ids.push(id);
        self
    }

    /// Keeps the stop string in the text.
    pub fn include_in_output(mut self) -> Self {
        self.draft.include_in_output = true;
        self
    }

    /// Goes on after the model's own end tokens.
    pub fn ignore_eos(mut self) -> Self {
        self.draft.ignore_eos = true;
        self
    }

    /// Makes at least so many tokens.
    pub fn min_tokens(mut self, tokens: usize) -> Self {
        self.draft.min_tokens = tokens;
        self
    }

    /// Checks every condition.
    ///
    /// # Errors
    /// An empty or overlong stop string, or too many strings or ids.
    pub fn build(self) -> Result<Stop, InvalidRequest> {
        let Stop { strings, ids, .. } = &self.draft;
        check_count("stop", strings.len(), MAX_STRINGS)?;
        check_count("stop_token_ids", ids.len(), MAX_IDS)?;
        for text in strings {
            if text.is_empty() || text.len() > MAX_BYTES {
                return Err(InvalidRequest::new(
                    "stop",
                    format!("a string of {} bytes", text.len()),
                    format!("strings of 1 to {MAX_BYTES} bytes"),
                ));
            }
        }
        Ok(self.draft)
    }
}

fn check_count(parameter: &'static str, found: usize, most: usize) -> Result<(), InvalidRequest> {
    if found <= most {
        return Ok(());
    }
    Err(InvalidRequest::new(
        parameter,
        format!("a list of {found}"),
        format!("a list of at most {most}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_long_and_many_stops_are_rejected() {
        for text in [String::new(), "x".repeat(MAX_BYTES + 1)] {
            assert!(Stop::builder().string(text).build().is_err());
        }
        assert!(
            Stop::builder()
                .strings(vec!["x"; MAX_STRINGS + 1])
                .build()
                .is_err()
        );
        assert!(
            Stop::builder()
                .string("x".repeat(MAX_BYTES))
                .build()
                .is_ok()
        );
    }
}
