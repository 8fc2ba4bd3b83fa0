//! What a model gives back for its tasks.

use stream_core::TokenId;

/// The outcome of one [`Task`](super::Task).
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The token that was chosen.
    Token(Chosen),
    /// How probable the given token is.
    Scored(Scored),
    /// No distribution: no logit that may be chosen is finite, or one of them is +∞.
    NoFiniteLogit,
}

impl Next {
    /// Whether all that was asked for came out, and without a NaN: then there is none in the keys
    /// and values that it was made from, because attention lets none get lost.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Token(chosen) => chosen.nan_logits == 0,
            Self::Scored(_) => true,
            Self::NoFiniteLogit => false,
        }
    }
}

/// A token that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its id.
    pub id: TokenId,
    /// How probable it was, if that was asked for.
    pub scored: Option<Box<Scored>>,
    /// Mirostat's bound for the next choice; of no meaning without mirostat.
    pub mu: f32,
    /// Logits that were NaN, and counted as −∞.
    pub nan_logits: u32,
}

impl From<TokenId> for Chosen {
    /// A token of which nothing else was asked.
    fn from(id: TokenId) -> Self {
        Self {
            id,
            scored: None,
            mu: 0.0,
            nan_logits: 0,
        }
    }
}

/// How probable a token was in the model's own distribution: the softmax of the raw logits of
/// all usable ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The token, with its place among all, the most probable one being 1.
    pub token: Probable,
    /// The most probable ones, in order.
    pub top: Vec<Probable>,
}

/// A token with the logarithm of its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probable {
    /// Its id.
    pub id: TokenId,
    /// Natural logarithm.
    pub logprob: f32,
    /// Its place among all tokens, from 1; of equally probable ones the lowest id comes first.
    pub rank: usize,
}
