//! One answer's parser.

use stream_core::TokenId;
use stream_runtime::grammar::{Allowed, MatchError, Matcher, TokenMask};

use crate::message;

/// A parser at the beginning of an answer, to be copied for each.
pub(crate) struct Prototype {
    parser: llguidance::Matcher,
    first: Allowed,
}

impl Prototype {
    /// Looks at the first mask too: a grammar that allows no text fails here.
    pub(crate) fn new(mut parser: llguidance::Matcher) -> Result<Self, String> {
        let first = allowed(&mut parser)?;
        Ok(Self { parser, first })
    }

    /// A copy of its own: what one answer's lexer learns, no other pays for.
    pub(crate) fn matcher(&self) -> Box<dyn Matcher> {
        Box::new(Parser {
            parser: self.parser.deep_clone(),
            first: Some(self.first.clone()),
        })
    }
}

struct Parser {
    parser: llguidance::Matcher,
    /// Known from the prototype.
    first: Option<Allowed>,
}

impl Matcher for Parser {
    fn allowed(&mut self) -> Result<Allowed, MatchError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        allowed(&mut self.parser).map_err(MatchError::new)
    }

    fn accept(&mut self, token: TokenId) -> Result<(), MatchError> {
        self.first = None;
        let accepted = self.parser.consume_token(token);
        accepted.map_err(|error| MatchError::new(message::of(error)))
    }
}

fn allowed(parser: &mut llguidance::Matcher) -> Result<Allowed, String> {
    // Stopped, but not by an error: nothing can follow.
    if parser.is_stopped() && parser.stop_reason().is_ok() {
        return Ok(Allowed {
            tokens: TokenMask::default(),
            may_end: true,
        });
    }
    let tokens = parser.compute_mask().map_err(message::of)?;
    Ok(Allowed {
        tokens: TokenMask::from_words(tokens.as_slice().to_vec()),
        may_end: parser.is_accepting().map_err(message::of)?,
    })
}
