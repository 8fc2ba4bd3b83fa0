//! What a sequence guesses of its next tokens, and what became of it.

use stream_core::{Gate, Permit, TokenId};

use crate::schedule::Plan;
use crate::speculate::{NgramIndex, Pace, Worth};
use crate::{Next, Spec};

/// How much an engine drafts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drafting {
    /// Tokens of a draft.
    most: usize,
    overhead: usize,
}

impl Drafting {
    pub(super) fn new(spec: &Spec, most: usize) -> Self {
        Self {
            most,
            overhead: spec.step_overhead,
        }
    }

    /// For a new sequence, if there can be anything to gain.
    pub(super) fn drafter(&self) -> Option<Drafter> {
        let Self { most, overhead } = *self;
        (most > 0 && overhead > 0).then(|| Drafter {
            most,
            needed: Worth::least_chance(overhead),
            index: NgramIndex::default(),
            pace: Pace::NEW,
            row: Vec::new(),
            permits: Vec::new(),
        })
    }

    /// What further tokens are worth in a step, if there can be anything to gain.
    pub(super) fn step(&self, plan: &Plan) -> Option<Worth> {
        let on = self.most > 0 && self.overhead > 0;
        on.then(|| Worth::new(plan.tokens(), self.overhead))
    }
}

/// The drafts of one sequence.
#[derive(Debug)]
pub(super) struct Drafter {
    /// Tokens of a draft.
    most: usize,
    /// The chance from which on a draft pays.
    needed: f64,
    index: NgramIndex,
    pace: Pace,
    /// The newest token and the draft.
    row: Vec<TokenId>,
    /// Room for the tokens after the next one, during a step.
    permits: Vec<Permit>,
}

impl Drafter {
    /// Drafts what follows after `tokens`, of which `answered` are the answer's, and takes as
    /// many permits; at most `most` tokens. Returns how many.
    pub(super) fn draft(
        &mut self,
        tokens: &[TokenId],
        answered: usize,
        most: usize,
        gate: &Gate,
        step: &Worth,
    ) -> usize {
        let chance = self.pace.chance(answered);
        let worth = chance.map_or(0, |chance| step.draft(chance, most.min(self.most)));
        self.row.clear();
        self.row.extend(tokens.last());
        if worth > 0 {
            self.index.draft(tokens, worth, &mut self.row);
        }
        let spare = std::iter::repeat_with(|| gate.try_reserve_spare());
        self.permits = spare
            .take(self.row.len() - 1)
            .map_while(|permit| permit)
            .collect();
        self.keep_first(self.permits.len());
        self.permits.len()
    }

    /// Forgets all but the first tokens of the draft, which are now part of the step.
    pub(super) fn keep(&mut self, tokens: usize, step: &mut Worth) {
        self.keep_first(tokens);
        step.add(tokens, self.pace.estimate());
    }

    /// Gives back the permits of a draft that is not tried.
    pub(super) fn forget(&mut self) {
        self.keep_first(0);
    }

    fn keep_first(&mut self, tokens: usize) {
        self.row.truncate(1 + tokens);
        self.permits.truncate(tokens);
    }

    /// The tokens of the step's row.
    pub(super) fn row(&self) -> &[TokenId] {
        &self.row
    }

    /// How many first tokens of the draft the model chose too, from a row with these outcomes.
    /// Permits for the others are given back. `answered` is as it was for the draft.
    pub(super) fn accept(&mut self, outcomes: &[Next], answered: usize) -> usize {
        let draft = &self.row[1..];
        let right = |(draft, next): &(&TokenId, &Next)| match next {
            Next::Token(chosen) => chosen.id == **draft,
            _ => false,
        };
        let accepted = draft.iter().zip(outcomes).take_while(right).count();
        self.pace.note(draft.len(), accepted, answered, self.needed);
        self.permits.truncate(accepted);
        accepted
    }

    /// Room for the next accepted token.
    pub(super) fn next_permit(&mut self) -> Option<Permit> {
        self.permits.pop()
    }
}
