//! Sequences of tokens that must not be made.

use stream_core::TokenId;

/// Sequences of tokens of which an answer must hold none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadWords {
    sequences: Vec<Vec<TokenId>>,
}

impl BadWords {
    /// From sequences, of which none is empty.
    pub fn new(sequences: Vec<Vec<TokenId>>) -> Self {
        Self { sequences }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// The tokens that would complete a sequence after `answer`.
    pub fn banned<'a>(&'a self, answer: &'a [TokenId]) -> impl Iterator<Item = TokenId> + 'a {
        self.sequences.iter().filter_map(|sequence| {
            let (last, before) = sequence.split_last()?;
            answer.ends_with(before).then_some(*last)
        })
    }
}
