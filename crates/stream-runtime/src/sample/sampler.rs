//! The steps of a choice.

use stream_core::{Mirostat, SamplerStage, Sampling, TokenId};

use super::chain::Chain;
use super::edit::{self, Logits};
use super::row;
use super::score::Scorer;
use crate::{Choice, Chosen, Next, Task};

/// Chooses tokens from rows of logits, and scores tokens in them. It keeps nothing from row to
/// row but memory.
///
/// The steps and their order are those of [`Sampling`]. In more detail:
///
/// - of the row only the first [`Choice::usable`] logits are looked at;
/// - first of all, what [`Choice::mask`] does not allow becomes −∞; this may wait for the mask;
/// - penalties, DRY and temperature leave a finite logit finite;
/// - temperature 0 takes the largest logit, of equal ones the lowest id;
/// - the draw is one number, [`DrawKey::uniform`](super::DrawKey::uniform), which picks by
///   inverting the cumulative distribution in ascending order of ids. Whether XTC excludes is
///   another number, [`DrawKey::uniform_of_xtc`](super::DrawKey::uniform_of_xtc);
/// - mirostat's state goes in by [`Choice::mu`] and comes out by [`Chosen::mu`].
///
/// A NaN among the logits counts as −∞: it is never chosen, and it is counted in
/// [`Chosen::nan_logits`]. If a logit that is not banned is +∞, or none is finite, there is no
/// distribution, and the outcome is [`Next::NoFiniteLogit`].
#[derive(Debug, Default)]
pub struct Sampler {
    chain: Chain,
    scorer: Scorer,
}

impl Sampler {
    /// A sampler without memory; it takes what its first row needs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does a task of a row, see [`Row::tasks`](crate::Row::tasks): all that a model whose logits
    /// are in memory has to call. `logits` holds one number for each id, and may be changed.
    pub fn perform(&mut self, logits: &mut [f32], task: &Task<'_>) -> Next {
        match *task {
            Task::Choose(choice) => self.sample(logits, &choice),
            Task::Score { token, top, usable } => {
                let scored = self.scorer.score(head(logits, usable), token, top);
                scored.map_or(Next::NoFiniteLogit, Next::Scored)
            }
        }
    }

    /// Chooses one token. `logits` holds one number for each id, and is changed by masks and
    /// penalties. Ids outside it, banned or in the history, are passed over.
    pub fn sample(&mut self, logits: &mut [f32], choice: &Choice<'_>) -> Next {
        let logits = head(logits, choice.usable);
        if choice.logprobs.is_some() {
            self.scorer.keep(logits);
        }
        match self.choose(logits, choice) {
            None => Next::NoFiniteLogit,
            Some(chosen) => self.with_score(chosen, choice),
        }
    }

    /// What [`sample`](Self::sample) draws from: every token that it can choose with its
    /// probability, in ascending order of ids. Empty where it finds no finite logit.
    pub fn distribution(&mut self, logits: &mut [f32], choice: &Choice<'_>) -> Vec<(TokenId, f64)> {
        let logits = head(logits, choice.usable);
        let Some((max, _)) = self.adjust(logits, choice) else {
            return Vec::new();
        };
        if choice.sampling.is_greedy() {
            return vec![(first(logits, max), 1.0)];
        }
        self.narrow(logits, max, choice);
        let candidates = self.chain.candidates.iter();
        let possible = candidates.filter(|&(_, weight)| weight > 0.0);
        let mut possible: Vec<_> = possible.map(|(id, w)| (id, f64::from(w))).collect();
        let total: f64 = possible.iter().map(|&(_, weight)| weight).sum();
        possible.iter_mut().for_each(|(_, weight)| *weight /= total);
        possible
    }

    fn choose(&mut self, logits: &mut [f32], choice: &Choice<'_>) -> Option<Chosen> {
        let (max, nan_logits) = self.adjust(logits, choice)?;
        let chosen = |id, mu| Chosen {
            id,
            scored: None,
            mu,
            nan_logits,
        };
        if choice.sampling.is_greedy() {
            return Some(chosen(first(logits, max), choice.mu));
        }
        self.narrow(logits, max, choice);
        let id = self.chain.candidates.draw(choice.key.uniform());
        Some(chosen(id, self.next_bound(id, choice)))
    }

    /// Masks, and what changes logits before a plain choice; the largest logit, if all are under
    /// +∞ and one is finite, and how many are NaN.
    fn adjust(&self, logits: &mut [f32], choice: &Choice<'_>) -> Option<(f32, u32)> {
        edit::mask(logits, choice);
        if is_plain(choice.sampling) {
            let stages = choice.sampling.active_stages();
            stages.for_each(|stage| Logits::all(logits).edit(stage, choice));
        }
        Some(row::max_and_nans(logits)).filter(|(max, _)| max.is_finite())
    }

    /// Fills the list of candidates.
    fn narrow(&mut self, logits: &mut [f32], max: f32, choice: &Choice<'_>) {
        match is_plain(choice.sampling) {
            true => self.chain.candidates.fill(logits, max, choice.sampling),
            false => self.chain.run(logits, choice),
        }
    }

    fn next_bound(&self, id: TokenId, choice: &Choice<'_>) -> f32 {
        let Some(Mirostat { tau, eta }) = choice.sampling.mirostat() else {
            return choice.mu;
        };
        let probability = self.chain.candidates.probability(id).unwrap_or(1.0);
        let surprise = -probability.log2();
        (f64::from(choice.mu) - f64::from(eta) * (surprise - f64::from(tau))) as f32
    }

    fn with_score(&mut self, mut chosen: Chosen, choice: &Choice<'_>) -> Next {
        if let Some(top) = choice.logprobs {
            match self.scorer.score_kept(chosen.id, top) {
                Some(scored) => chosen.scored = Some(Box::new(scored)),
                None => return Next::NoFiniteLogit,
            }
        }
        Next::Token(chosen)
    }
}

/// Whether the stages that are set are some of these, in this order: then there is a shorter
/// way than stage by stage. Greedy choices need nothing else.
fn is_plain(sampling: &Sampling) -> bool {
    const PLAIN: [SamplerStage; 6] = [
        SamplerStage::Penalties,
        SamplerStage::Dry,
        SamplerStage::Temperature,
        SamplerStage::TopK,
        SamplerStage::TopP,
        SamplerStage::MinP,
    ];
    if sampling.is_greedy() {
        return true;
    }
    let mut left = PLAIN.iter();
    let mut stages = sampling.active_stages();
    sampling.mirostat().is_none() && stages.all(|stage| left.any(|&plain| plain == stage))
}

fn head(logits: &mut [f32], usable: usize) -> &mut [f32] {
    let end = logits.len().min(usable);
    &mut logits[..end]
}

/// The lowest id with the largest logit.
fn first(logits: &[f32], max: f32) -> TokenId {
    row::first_at_least(logits, max).unwrap_or(0) as TokenId
}
