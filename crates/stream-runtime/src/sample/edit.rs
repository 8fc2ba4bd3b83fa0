//! What is done to logits before anything is cut off.

use stream_core::{SamplerStage, Sampling, TokenId};

use super::TokenCounts;
use crate::Choice;
use crate::grammar::PendingMask;

/// Makes impossible what the grammar forbids, adds the logit bias, then makes banned ids
/// impossible.
pub(super) fn mask(logits: &mut [f32], choice: &Choice<'_>) {
    match choice.mask.map(PendingMask::wait) {
        None => {}
        Some(Some(mask)) => mask.apply(logits),
        Some(None) => logits.fill(f32::NEG_INFINITY),
    }
    for &(id, bias) in choice.sampling.logit_bias() {
        change(logits.get_mut(id as usize), |logit| logit + bias);
    }
    for &id in choice.banned {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// Logits of some ids.
pub(super) struct Logits<'a> {
    /// Ascending; empty if there is a logit for every id.
    pub(super) ids: &'a [TokenId],
    pub(super) logits: &'a mut [f32],
}

impl<'a> Logits<'a> {
    /// Those of every id.
    pub(super) fn all(logits: &'a mut [f32]) -> Self {
        Self { ids: &[], logits }
    }

    /// Applies penalties or DRY; other stages change no single logits. A finite logit stays
    /// finite.
    pub(super) fn edit(&mut self, stage: SamplerStage, choice: &Choice<'_>) {
        match stage {
            SamplerStage::Penalties => self.penalise(choice.sampling, choice.history),
            SamplerStage::Dry => self.subtract(choice.dry),
            _ => {}
        }
    }

    /// Applies the three penalties to every token of `history`.
    fn penalise(&mut self, sampling: &Sampling, history: &TokenCounts) {
        for (id, in_answer) in history.iter() {
            change(self.get(id), |logit| penalised(logit, sampling, in_answer));
        }
    }

    fn subtract(&mut self, penalties: &[(TokenId, f32)]) {
        for &(id, penalty) in penalties {
            change(self.get(id), |logit| logit - penalty);
        }
    }

    fn get(&mut self, id: TokenId) -> Option<&mut f32> {
        let index = match self.ids {
            [] => id as usize,
            ids => ids.binary_search(&id).ok()?,
        };
        self.logits.get_mut(index)
    }
}

/// A finite logit stays finite: an extreme parameter is not the model's fault.
fn change(logit: Option<&mut f32>, by: impl Fn(f32) -> f32) {
    if let Some(logit) = logit.filter(|logit| logit.is_finite()) {
        *logit = by(*logit).clamp(f32::MIN, f32::MAX);
    }
}

/// The repetition penalty divides a positive logit and multiplies another (CTRL,
/// arXiv:1909.05858, section 4.1, in the form of Hugging Face's
/// `RepetitionPenaltyLogitsProcessor`); the presence and frequency penalties are then taken
/// away (OpenAI API reference, `presence_penalty`), as vLLM does it.
fn penalised(logit: f32, sampling: &Sampling, in_answer: u32) -> f32 {
    let repetition = sampling.repetition_penalty();
    let logit = if logit > 0.0 {
        logit / repetition
    } else {
        logit * repetition
    };
    let presence = if in_answer > 0 {
        sampling.presence_penalty()
    } else {
        0.0
    };
    let frequency = sampling.frequency_penalty() * in_answer as f32;
    logit - presence - frequency
}
