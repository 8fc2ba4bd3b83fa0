//! What earlier tokens and bans do to the logits.

use stream_core::{Sampling, TokenId};

use super::TokenCounts;

/// Makes ids impossible.
pub(super) fn ban(logits: &mut [f32], banned: &[TokenId]) {
    for &id in banned {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// Applies the three penalties to every token of `history`.
pub(super) fn penalise(logits: &mut [f32], sampling: &Sampling, history: &TokenCounts) {
    if !sampling.has_penalties() {
        return;
    }
    for (id, in_answer) in history.iter() {
        match logits.get_mut(id as usize) {
            Some(logit) if logit.is_finite() => *logit = penalised(*logit, sampling, in_answer),
            _ => {}
        }
    }
}

/// The repetition penalty divides a positive logit and multiplies another (CTRL,
/// arXiv:1909.05858, section 4.1, in the form of Hugging Face's
/// `RepetitionPenaltyLogitsProcessor`); the presence and frequency penalties are then taken
/// away (OpenAI API reference, `presence_penalty`), as vLLM does it.
///
/// A finite logit stays finite: an extreme penalty is not the model's fault.
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
    (logit - presence - frequency).clamp(f32::MIN, f32::MAX)
}
