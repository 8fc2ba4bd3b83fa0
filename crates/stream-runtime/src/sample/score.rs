//! How probable a token is in the model's own distribution.

use stream_core::TokenId;

use super::row;
use super::select::{self, Key};
use crate::{Probable, Scored};

/// Looks up tokens in the softmax of a row of raw logits. Reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Scorer {
    raw: Vec<f32>,
    keys: Vec<Key>,
}

impl Scorer {
    /// Keeps a row as the model made it, for [`score_kept`](Self::score_kept).
    pub(super) fn keep(&mut self, logits: &[f32]) {
        self.raw.clear();
        self.raw.extend_from_slice(logits);
    }

    /// The token in the row that was kept.
    pub(super) fn score_kept(&mut self, token: TokenId, top: usize) -> Option<Scored> {
        score(&self.raw, token, top, &mut self.keys)
    }

    /// The token in this row.
    pub(super) fn score(&mut self, logits: &[f32], token: TokenId, top: usize) -> Option<Scored> {
        score(logits, token, top, &mut self.keys)
    }
}

/// `None` if the row has no distribution. A NaN has no probability.
fn score(logits: &[f32], token: TokenId, top: usize, keys: &mut Vec<Key>) -> Option<Scored> {
    let max = Some(row::max(logits)).filter(|max| max.is_finite())?;
    let log_of_sum = row::sum_of_weights(logits, max).ln();
    let logprob = |logit: f32| (f64::from(logit) - f64::from(max) - log_of_sum) as f32;
    let logit = logits.get(token as usize).copied().filter(|x| !x.is_nan());
    let logit = logit.unwrap_or(f32::NEG_INFINITY);
    let most = select::first(logits, top, keys).iter().map(|key| key.cut());
    let probable = |(i, cut): (usize, select::Cut)| Probable {
        id: cut.index as TokenId,
        logprob: logprob(cut.value),
        rank: i + 1,
    };
    Some(Scored {
        top: most.enumerate().map(probable).collect(),
        token: Probable {
            id: token,
            logprob: logprob(logit),
            rank: rank(logits, token, logit),
        },
    })
}

/// From 1. Of equal logits the lowest id comes first, as in [`select`].
fn rank(logits: &[f32], token: TokenId, logit: f32) -> usize {
    let before = &logits[..logits.len().min(token as usize)];
    let equals = before.iter().filter(|&&x| x == logit).count();
    row::count_over(logits, logit) + equals + 1
}
