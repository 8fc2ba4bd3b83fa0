//! The stages in any order.

use stream_core::{SamplerStage, Sampling, Xtc};

use super::candidates::Candidates;
use super::edit::Logits;
use super::row;
use super::select::{self, Cut, Weighted};
use crate::Choice;

/// Takes a row through the stages that a request sets, in its order. Reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) candidates: Candidates,
    /// Of the candidates, in their order.
    logits: Vec<f32>,
    /// How near a candidate's surprise is to the entropy.
    typicality: Vec<f32>,
    kept: Vec<usize>,
    /// What the logits are still to be multiplied by.
    scale: f32,
    /// Whether the weights are those of the logits, the largest being 1.
    weighed: bool,
}

impl Chain {
    /// Leaves in the list what the stages and mirostat's bound leave of a row that holds a
    /// finite logit and none that is +∞.
    pub(super) fn run(&mut self, row: &mut [f32], choice: &Choice<'_>) {
        self.scale = 1.0;
        let mut stages = choice.sampling.active_stages().peekable();
        while let Some(edit) = stages.next_if(|stage| !stage.is_cut()) {
            edit_scaled(Logits::all(row), &mut self.scale, edit, choice);
        }
        let first = stages.next_if(|&stage| stage == SamplerStage::TopK);
        self.load(row, first.and(choice.sampling.top_k()));
        for stage in stages {
            self.apply(stage, choice);
        }
        self.weigh();
        if choice.sampling.mirostat().is_some() {
            self.bound(choice.mu);
        }
    }

    /// Takes the candidates over from a row: the `k` first of them, or all.
    fn load(&mut self, row: &[f32], k: Option<u32>) {
        let Candidates { ids, keys, .. } = &mut self.candidates;
        ids.clear();
        self.logits.clear();
        self.weighed = false;
        let k = k.map(|k| k as usize).filter(|&k| k < row.len());
        let Some(cut) = k.and_then(|k| select::top_k(row, k, keys)) else {
            let number = |&x: &f32| if x.is_nan() { f32::NEG_INFINITY } else { x };
            return self.logits.extend(row.iter().map(number));
        };
        kept(row, cut, &mut self.kept);
        ids.extend(self.kept.iter().map(|&i| i as u32));
        self.logits.extend(self.kept.iter().map(|&i| row[i]));
    }

    fn apply(&mut self, stage: SamplerStage, choice: &Choice<'_>) {
        match stage {
            SamplerStage::Penalties | SamplerStage::Dry | SamplerStage::Temperature => {
                self.weighed = false;
                let (ids, logits) = (&*self.candidates.ids, &mut *self.logits);
                edit_scaled(Logits { ids, logits }, &mut self.scale, stage, choice);
            }
            SamplerStage::TopK | SamplerStage::TopNSigma => {
                self.cut_by_logits(stage, choice.sampling);
            }
            SamplerStage::TypicalP => self.cut_by_typicality(choice.sampling),
            SamplerStage::Xtc => {
                let xtc = choice.sampling.xtc();
                let excludes = |xtc: &Xtc| choice.key.uniform_of_xtc() < xtc.probability.into();
                xtc.filter(excludes)
                    .into_iter()
                    .for_each(|xtc| self.exclude(xtc));
            }
            _ => self.cut_by_weights(stage, choice.sampling),
        }
    }

    fn cut_by_logits(&mut self, stage: SamplerStage, sampling: &Sampling) {
        let cut = match (stage, sampling.top_k()) {
            (SamplerStage::TopK, Some(k)) => {
                select::top_k(&self.logits, k as usize, &mut self.candidates.keys)
            }
            _ => Some(Cut::at_least(
                self.sigma_floor(sampling.top_n_sigma().into()),
            )),
        };
        if let Some(cut) = cut {
            kept(&self.logits, cut, &mut self.kept);
            self.keep();
        }
    }

    fn cut_by_typicality(&mut self, sampling: &Sampling) {
        let cut = self.typical(sampling.typical_p().into());
        kept(&self.typicality, cut, &mut self.kept);
        self.keep();
        // The most probable token may be gone.
        self.weighed = false;
    }

    fn cut_by_weights(&mut self, stage: SamplerStage, sampling: &Sampling) {
        let sum = self.weigh();
        let cut = match stage {
            SamplerStage::TopP => self.nucleus(sampling.top_p().into(), sum),
            SamplerStage::MinP => Cut::at_least(sampling.min_p()),
            SamplerStage::EpsilonCutoff => self.floor(f64::from(sampling.epsilon_cutoff()) * sum),
            _ => self.floor(self.eta(sampling.eta_cutoff().into(), sum) * sum),
        };
        kept(&self.candidates.weights, cut, &mut self.kept);
        self.keep();
    }

    /// Makes the weights those of the logits; their sum.
    fn weigh(&mut self) -> f64 {
        let weights = &mut self.candidates.weights;
        if !self.weighed {
            weights.clear();
            weights.extend_from_slice(&self.logits);
            row::weigh(weights, row::max(&self.logits), self.scale);
            self.weighed = true;
        }
        row::sum(weights)
    }

    fn nucleus(&mut self, p: f64, sum: f64) -> Cut {
        let Candidates { weights, keys, .. } = &mut self.candidates;
        select::nucleus(Weighted::by_weight(weights, sum - p * sum), p * sum, keys)
    }

    /// Keeps what has at least this weight, and the first of the most probable.
    fn floor(&self, weight: f64) -> Cut {
        let first = row::first_at_least(&self.candidates.weights, 1.0);
        Cut::at_least(weight as f32).or_first(1.0, first.unwrap_or(0))
    }

    /// Σ p · ln p, negated.
    fn entropy(&self, sum: f64) -> f64 {
        let max = row::max(&self.logits);
        let depths = row::sum_of_depths(&self.candidates.weights, &self.logits, max);
        sum.ln() + f64::from(self.scale) * depths / sum
    }

    /// The probability under which eta sampling cuts.
    fn eta(&self, epsilon: f64, sum: f64) -> f64 {
        epsilon.min(epsilon.sqrt() * (-self.entropy(sum)).exp())
    }

    /// So many standard deviations of all finite logits under the largest.
    fn sigma_floor(&self, n: f64) -> f32 {
        let max = row::max(&self.logits);
        let (sum, squares, count) = row::moments(&self.logits, max);
        let mean = sum / count as f64;
        let deviation = (squares / count as f64 - mean * mean).max(0.0).sqrt();
        (f64::from(max) - n * deviation) as f32
    }

    /// The cut after the most typical tokens. Their order is that of 1 / (1 + d), d being how far
    /// −ln p is from the entropy.
    fn typical(&mut self, p: f64) -> Cut {
        let sum = self.weigh();
        let (max, entropy) = (row::max(&self.logits), self.entropy(sum));
        // −ln p = ln sum + (max − logit) · scale.
        let (scale, typical) = (self.scale, (entropy - sum.ln()) as f32);
        let typicality = |&logit: &f32| 1.0 / (1.0 + ((max - logit) * scale - typical).abs());
        self.typicality.clear();
        self.typicality.extend(self.logits.iter().map(typicality));
        let Candidates { weights, keys, .. } = &mut self.candidates;
        // A weight over 0 is at most 87 under the largest logit, so d is under 255.
        let entries = Weighted::by(&self.typicality, weights, 1.0 / 256.0);
        select::nucleus(entries, p * sum, keys)
    }

    /// Of the tokens that reach the threshold keeps the least probable, of equal ones the last.
    fn exclude(&mut self, xtc: Xtc) {
        let floor = (f64::from(xtc.threshold) * self.weigh()) as f32;
        let weights = &self.candidates.weights;
        kept(weights, Cut::at_least(floor), &mut self.kept);
        let reach = self.kept.iter().copied();
        let less = |a: usize, b: usize| if weights[b] <= weights[a] { b } else { a };
        let Some(least) = reach.reduce(less).filter(|_| self.kept.len() > 1) else {
            return;
        };
        for &excluded in self.kept.iter().filter(|&&i| i != least) {
            self.logits[excluded] = f32::NEG_INFINITY;
        }
        self.weighed = false;
    }

    /// Keeps what surprises by at most `mu` bits, and the most probable token.
    fn bound(&mut self, mu: f32) {
        let sum = self.weigh();
        let cut = self.floor((-f64::from(mu)).exp2() * sum);
        kept(&self.candidates.weights, cut, &mut self.kept);
        self.keep();
    }

    /// Drops every candidate whose index is not in `kept`.
    fn keep(&mut self) {
        let Candidates { ids, weights, .. } = &mut self.candidates;
        match ids.is_empty() {
            true => ids.extend(self.kept.iter().map(|&i| i as u32)),
            false => compact(ids, &self.kept),
        }
        compact(&mut self.logits, &self.kept);
        if self.weighed {
            compact(weights, &self.kept);
        }
    }
}

/// Applies a stage that is no cut to logits that are still to be multiplied. A temperature waits
/// as long as it can, so that the largest logit can be taken away before, and digits are not
/// lost.
fn edit_scaled(mut logits: Logits<'_>, scale: &mut f32, stage: SamplerStage, choice: &Choice<'_>) {
    if stage == SamplerStage::Temperature {
        *scale /= choice.sampling.temperature();
        return;
    }
    if *scale != 1.0 {
        row::scale(logits.logits, *scale);
        *scale = 1.0;
    }
    logits.edit(stage, choice);
}

/// The indices of what a cut keeps.
fn kept(values: &[f32], cut: Cut, kept: &mut Vec<usize>) {
    kept.clear();
    for (start, chunk) in row::chunks(values) {
        let inside = row::at_least(chunk, cut.value).filter(|&i| cut.keeps(start + i, chunk[i]));
        kept.extend(inside.map(|i| start + i));
    }
}

/// Moves the elements at some ascending indices to the front, and drops the rest.
fn compact<T: Copy>(all: &mut Vec<T>, kept: &[usize]) {
    for (to, &from) in kept.iter().enumerate() {
        all[to] = all[from];
    }
    all.truncate(kept.len());
}
