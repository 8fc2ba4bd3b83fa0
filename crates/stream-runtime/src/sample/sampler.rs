//! The steps of a choice.

use stream_core::TokenId;

use super::candidates::Candidates;
use super::{penalty, row};
use crate::{Choice, Next};

/// Chooses tokens from rows of logits. It keeps nothing from row to row but memory.
///
/// In this order:
///
/// 1. banned ids are made impossible;
/// 2. the repetition, then the presence and frequency penalties are applied;
/// 3. temperature 0 takes the largest logit, of equal ones the lowest id, and is done;
/// 4. the logits are divided by the temperature;
/// 5. top-k keeps the `k` most probable tokens, of equally probable ones the lowest ids;
/// 6. top-p keeps the smallest set of the most probable of these that holds at least `p` of
///    their probability;
/// 7. min-p keeps those of these that are at least `min_p` times as probable as the first;
/// 8. one number, [`DrawKey::uniform`](super::DrawKey::uniform), picks from what is left by
///    inverting its cumulative distribution in ascending order of ids.
///
/// A NaN among the logits counts as −∞: it is never chosen. If a logit that is not banned is
/// +∞, or none is finite, there is no distribution, and the outcome is [`Next::NoFiniteLogit`].
#[derive(Debug, Default)]
pub struct Sampler {
    candidates: Candidates,
}

impl Sampler {
    /// A sampler without memory; it takes what its first row needs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses one token. `logits` holds one number for each id of the vocabulary, and is
    /// changed by bans and penalties. Ids outside it, banned or in the history, are passed over.
    pub fn sample(&mut self, logits: &mut [f32], choice: &Choice<'_>) -> Next {
        let Some(max) = adjust(logits, choice) else {
            return Next::NoFiniteLogit;
        };
        if choice.sampling.is_greedy() {
            return Next::Token(first(logits, max));
        }
        self.candidates.fill(logits, max, choice.sampling);
        Next::Token(self.candidates.draw(choice.key.uniform()))
    }

    /// What [`sample`](Self::sample) draws from: every token that it can choose with its
    /// probability, in ascending order of ids. Empty where it finds no finite logit.
    pub fn distribution(&mut self, logits: &mut [f32], choice: &Choice<'_>) -> Vec<(TokenId, f64)> {
        let Some(max) = adjust(logits, choice) else {
            return Vec::new();
        };
        if choice.sampling.is_greedy() {
            return vec![(first(logits, max), 1.0)];
        }
        self.candidates.fill(logits, max, choice.sampling);
        let possible = self.candidates.iter().filter(|&(_, weight)| weight > 0.0);
        let mut possible: Vec<_> = possible.map(|(id, w)| (id, f64::from(w))).collect();
        let total: f64 = possible.iter().map(|&(_, weight)| weight).sum();
        possible.iter_mut().for_each(|(_, weight)| *weight /= total);
        possible
    }
}

/// Applies bans and penalties; the largest logit, if all are under +∞ and one is finite.
fn adjust(logits: &mut [f32], choice: &Choice<'_>) -> Option<f32> {
    penalty::ban(logits, choice.banned);
    penalty::penalise(logits, choice.sampling, choice.history);
    Some(row::max(logits)).filter(|max| max.is_finite())
}

/// The lowest id with the largest logit.
fn first(logits: &[f32], max: f32) -> TokenId {
    row::first_at_least(logits, max).unwrap_or(0) as TokenId
}
