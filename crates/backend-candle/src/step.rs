//! The tokens of one step, packed one row after the other.

use std::ops::Range;

use stream_core::TokenId;
use stream_runtime::{BlockId, Row};

/// The most tokens in a run.
pub(crate) const MOST_TOKENS_IN_RUN: usize = 8;

/// A batch as the decoder goes through it.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    rows: &'a [Row<'a>],
    tokens: Vec<Token>,
    runs: Vec<Range<usize>>,
}

/// A token of the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    /// Its position in its sequence.
    pub(crate) position: usize,
    /// Its row in the batch.
    row: usize,
}

impl<'a> Step<'a> {
    pub(crate) fn new(rows: &'a [Row<'a>]) -> Self {
        let mut step = Self {
            rows,
            tokens: Vec::new(),
            runs: Vec::new(),
        };
        for (row, content) in rows.iter().enumerate() {
            let first = step.tokens.len();
            let tokens = content.tokens.iter().zip(content.start..);
            step.tokens
                .extend(tokens.map(|(&id, position)| Token { id, position, row }));
            let end = step.tokens.len();
            let starts = (first..end).step_by(MOST_TOKENS_IN_RUN);
            step.runs
                .extend(starts.map(|start| start..end.min(start + MOST_TOKENS_IN_RUN)));
        }
        step
    }

    /// Every token.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The indices of the tokens, in runs of neighbours in one sequence.
    pub(crate) fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// The blocks of a token's sequence.
    pub(crate) fn blocks(&self, token: &Token) -> &'a [BlockId] {
        self.rows[token.row].blocks
    }
}
