//! The tokens that may still be chosen.

use stream_core::{Sampling, TokenId};

use super::row;
use super::select::{self, Cut, Key, Weighted};

/// Tokens in ascending order of their ids, each with a weight proportional to its probability.
/// Reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Empty while every id of the row is a candidate.
    pub(super) ids: Vec<TokenId>,
    /// The most probable token has weight 1.
    pub(super) weights: Vec<f32>,
    pub(super) keys: Vec<Key>,
}

impl Candidates {
    /// Fills the list by temperature, top-k, top-p and min-p in this order, which most requests
    /// need and no more, from a row whose largest logit is `max`, which is finite.
    pub(super) fn fill(&mut self, logits: &[f32], max: f32, sampling: &Sampling) {
        self.ids.clear();
        self.weights.clear();
        match self.top_k(logits, sampling) {
            Some(cut) => self.gather(logits, cut),
            None => self.weights.extend_from_slice(logits),
        }
        row::weigh(&mut self.weights, max, 1.0 / sampling.temperature());
        if let Some(cut) = self.tail(sampling) {
            self.retain(cut);
        }
    }

    /// Every candidate with its weight.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TokenId, f32)> + '_ {
        let weights = self.weights.iter().enumerate();
        weights.map(|(i, &weight)| (self.id(i), weight))
    }

    /// The candidate at `uniform`, from `[0, 1)`, of the cumulative distribution.
    pub(super) fn draw(&self, uniform: f64) -> TokenId {
        let target = uniform * row::sum(&self.weights);
        self.id(find(&self.weights, target))
    }

    /// The candidate's probability, if it is one.
    pub(super) fn probability(&self, id: TokenId) -> Option<f64> {
        let index = match &*self.ids {
            [] => id as usize,
            ids => ids.binary_search(&id).ok()?,
        };
        Some(f64::from(*self.weights.get(index)?) / row::sum(&self.weights))
    }

    fn id(&self, index: usize) -> TokenId {
        self.ids.get(index).copied().unwrap_or(index as TokenId)
    }

    fn top_k(&mut self, logits: &[f32], sampling: &Sampling) -> Option<Cut> {
        let k = sampling.top_k()? as usize;
        if k >= logits.len() {
            return None;
        }
        select::top_k(logits, k, &mut self.keys)
    }

    /// Takes what top-k keeps; the weights are still logits.
    fn gather(&mut self, logits: &[f32], cut: Cut) {
        for (start, chunk) in row::chunks(logits) {
            for i in row::at_least(chunk, cut.value) {
                if cut.keeps(start + i, chunk[i]) {
                    self.ids.push((start + i) as TokenId);
                    self.weights.push(chunk[i]);
                }
            }
        }
    }

    /// Where top-p and min-p cut; `None` if they are off.
    fn tail(&mut self, sampling: &Sampling) -> Option<Cut> {
        let (top_p, min_p) = (f64::from(sampling.top_p()), sampling.min_p());
        let nucleus = (top_p < 1.0).then(|| {
            let sum = row::sum(&self.weights);
            let entries = Weighted::by_weight(&self.weights, sum - top_p * sum);
            select::nucleus(entries, top_p * sum, &mut self.keys)
        });
        let likely = (min_p > 0.0).then(|| Cut::at_least(min_p));
        nucleus.into_iter().chain(likely).reduce(Cut::stricter)
    }

    /// What is cut off loses its weight and keeps its place: to move what stays would cost more
    /// where much does.
    fn retain(&mut self, cut: Cut) {
        row::clear_under(&mut self.weights, cut.value);
        let equals = self.weights.iter_mut().skip(cut.index.saturating_add(1));
        equals.for_each(|weight| *weight = if *weight == cut.value { 0.0 } else { *weight });
    }
}

/// The first index at which the running sum is over `target`.
fn find(weights: &[f32], target: f64) -> usize {
    const BLOCK: usize = 256;
    let mut before = 0.0;
    for (block_index, block) in weights.chunks(BLOCK).enumerate() {
        let sum = row::sum(block);
        if before + sum > target {
            return block_index * BLOCK + find_in(block, target - before);
        }
        before += sum;
    }
    last_possible(weights)
}

fn find_in(block: &[f32], target: f64) -> usize {
    let mut sum = 0.0;
    let reached = block.iter().position(|&weight| {
        sum += f64::from(weight);
        sum > target
    });
    reached.unwrap_or_else(|| last_possible(block))
}

/// Where rounding lets a sum stop short of a target just under the total: the last that has a
/// weight.
fn last_possible(weights: &[f32]) -> usize {
    weights.iter().rposition(|&w| w > 0.0).unwrap_or(0)
}
