//! The tokens of one step, packed one row after the other.

use std::ops::Range;

use stream_runtime::{BlockId, Row};

use crate::rotary::Rotation;

/// The most tokens that one thread takes at a time.
const MOST_TOKENS_IN_RUN: usize = 8;

/// What a step's rows are, for the operators that must know.
#[derive(Debug, Default)]
pub(crate) struct Step {
    tokens: Vec<StepToken>,
    runs: Vec<Run>,
    /// The blocks of each row.
    blocks: Vec<Vec<BlockId>>,
    /// Cosines and sines of each token's position.
    turns: Vec<f32>,
    turn_width: usize,
}

/// A token of the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepToken {
    /// Its position in its sequence.
    pub(crate) position: usize,
    row: usize,
}

/// Neighbouring tokens of one sequence.
pub(crate) type Run = Range<usize>;

impl Step {
    /// Describes some rows.
    pub(crate) fn new(rows: &[Row<'_>], rotation: &Rotation) -> Self {
        let mut step = Self {
            turn_width: rotation.turn_width(),
            ..Self::default()
        };
        for (row, content) in rows.iter().enumerate() {
            let first = step.tokens.len();
            let positions = content.start..content.start + content.tokens.len();
            step.tokens
                .extend(positions.map(|position| StepToken { position, row }));
            let end = step.tokens.len();
            let starts = (first..end).step_by(MOST_TOKENS_IN_RUN);
            step.runs
                .extend(starts.map(|start| start..end.min(start + MOST_TOKENS_IN_RUN)));
            step.blocks.push(content.blocks.to_vec());
        }
        step.turns = vec![0.0; step.turn_width * step.tokens.len()];
        for (turn, token) in step
            .turns
            .chunks_mut(step.turn_width.max(1))
            .zip(&step.tokens)
        {
            rotation.turn(token.position, turn);
        }
        step
    }

    /// Every token.
    pub(crate) fn tokens(&self) -> &[StepToken] {
        &self.tokens
    }

    /// The indices of the tokens, in runs of neighbours in one sequence.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The blocks of a token's sequence.
    pub(crate) fn blocks(&self, token: &StepToken) -> &[BlockId] {
        &self.blocks[token.row]
    }

    /// Cosines and sines of the position of the token with this index.
    pub(crate) fn turn(&self, index: usize) -> &[f32] {
        &self.turns[index * self.turn_width..][..self.turn_width]
    }
}
