//! Answers that match a grammar.
//!
//! The loop knows no grammar itself. A [`GrammarCompiler`] makes a [`Matcher`] of what a request
//! asks for, and a matcher says, before each choice, which tokens may come next:
//!
//! 1. [`GrammarCompiler::compile`] runs before the request is accepted, so that a bad grammar is
//!    a [`Rejected`](stream_core::Rejected).
//! 2. As soon as a token is chosen, a thread of the engine's own tells the matcher and works out
//!    the next [`TokenMask`], while the model's next step runs.
//! 3. [`Choice::mask`](crate::Choice::mask) holds it as a [`PendingMask`]. The
//!    [`Sampler`](crate::sample::Sampler) waits for it when it has the logits.
//!
//! The matcher sees each token once, whatever becomes of the KV cache: a preempted answer is
//! computed again, and its grammar goes on where it was.

mod mask;
mod pending;

pub use mask::TokenMask;
pub use pending::PendingMask;
pub(crate) use pending::{Following, Outcome};

use std::sync::Arc;

use stream_core::{Grammar, TokenId};

/// Turns grammars into matchers, for one tokenizer.
pub trait GrammarCompiler: Send + Sync + 'static {
    /// A matcher at the beginning of an answer.
    ///
    /// It is called on the thread that submits the request, so it must return soon, whatever the
    /// grammar: bound its work, and if it may take long, do it elsewhere and wait for it no
    /// longer than a fixed time.
    ///
    /// # Errors
    /// If the grammar is wrong, too complex, or allows no text; or if there is no time for it
    /// now.
    fn compile(&self, grammar: &Grammar) -> Result<Box<dyn Matcher>, CompileError>;
}

/// Follows one answer through its grammar. After an error it is asked nothing more.
pub trait Matcher: Send + 'static {
    /// What may come next.
    ///
    /// # Errors
    /// If that cannot be told within the limits of the matcher.
    fn allowed(&mut self) -> Result<Allowed, MatchError>;

    /// The answer goes on with this token, one of those that were allowed. It is not called for
    /// the token that ends the answer.
    ///
    /// # Errors
    /// If the token does not fit, or it cannot be told within the limits of the matcher.
    fn accept(&mut self, token: TokenId) -> Result<(), MatchError>;
}

/// What may come next in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The tokens that the text may go on with. An id without text, and one that ends an answer,
    /// is passed over.
    pub tokens: TokenMask,
    /// Whether the text may end here.
    pub may_end: bool,
}

/// Why there is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The grammar cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// As many grammars are being compiled as may be. Trying later may help.
    #[error("{capacity} grammars are being compiled already")]
    Busy {
        /// How many may be compiled at once.
        capacity: usize,
    },
}

/// Why a matcher does not know how an answer may go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MatchError {
    /// What went wrong.
    pub message: Arc<str>,
}

impl MatchError {
    /// An error that says what its source said.
    pub fn new(source: impl ToString) -> Self {
        Self {
            message: source.to_string().into(),
        }
    }
}
