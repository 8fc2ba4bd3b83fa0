//! The parameters, collected.

use super::{Dry, Mirostat, SamplerStage, Sampling, Xtc};
use crate::{InvalidRequest, TokenId};

/// Collects the parameters of a [`Sampling`] and checks them in [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct SamplingBuilder {
    draft: Sampling,
}

/// To change some parameters of a set that exists.
impl From<Sampling> for SamplingBuilder {
    fn from(draft: Sampling) -> Self {
        Self { draft }
    }
}

impl SamplingBuilder {
    /// 0 for greedy, else 0.01 to 10.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.draft.temperature = temperature;
        self
    }

    /// Keep the `k` most probable tokens; 0 keeps all.
    pub fn top_k(mut self, k: u32) -> Self {
        self.draft.top_k = (k > 0).then_some(k);
        self
    }

    /// Over 0, up to 1; 1 keeps all.
    pub fn top_p(mut self, p: f32) -> Self {
        self.draft.top_p = p;
        self
    }

    /// 0 to 1; 0 keeps all.
    pub fn min_p(mut self, p: f32) -> Self {
        self.draft.min_p = p;
        self
    }

    /// Over 0, up to 1; 1 keeps all.
    pub fn typical_p(mut self, p: f32) -> Self {
        self.draft.typical_p = p;
        self
    }

    /// 0 to 100; 0 keeps all.
    pub fn top_n_sigma(mut self, n: f32) -> Self {
        self.draft.top_n_sigma = n;
        self
    }

    /// 0 to under 1; 0 keeps all.
    pub fn epsilon_cutoff(mut self, epsilon: f32) -> Self {
        self.draft.epsilon_cutoff = epsilon;
        self
    }

    /// 0 to under 1; 0 keeps all.
    pub fn eta_cutoff(mut self, epsilon: f32) -> Self {
        self.draft.eta_cutoff = epsilon;
        self
    }

    /// Over 0, up to 10; 1 is off.
    pub fn repetition_penalty(mut self, penalty: f32) -> Self {
        self.draft.repetition_penalty = penalty;
        self
    }

    /// −2 to 2; 0 is off.
    pub fn presence_penalty(mut self, penalty: f32) -> Self {
        self.draft.presence_penalty = penalty;
        self
    }

    /// −2 to 2; 0 is off.
    pub fn frequency_penalty(mut self, penalty: f32) -> Self {
        self.draft.frequency_penalty = penalty;
        self
    }

    /// Penalises going on with what was said before.
    pub fn dry(mut self, dry: Dry) -> Self {
        self.draft.dry = Some(dry);
        self
    }

    /// Excludes the most probable tokens now and then.
    pub fn xtc(mut self, xtc: Xtc) -> Self {
        self.draft.xtc = Some(xtc);
        self
    }

    /// Controls the surprise of the text; any cut beside it is refused.
    pub fn mirostat(mut self, mirostat: Mirostat) -> Self {
        self.draft.mirostat = Some(mirostat);
        self
    }

    /// Adds −100 to 100 to the logit of an id; at most 1024 ids, each once.
    pub fn logit_bias(mut self, id: TokenId, bias: f32) -> Self {
        self.draft.logit_bias.push((id, bias));
        self
    }

    /// Adds a text that the answer must not hold: 1 to 256 bytes, at most 128 of them.
    pub fn bad_word(mut self, text: impl Into<String>) -> Self {
        self.draft.bad_words.push(text.into());
        self
    }

    /// Adds a sequence that the answer must not hold: 1 to 64 ids, at most 128 of them.
    pub fn bad_token_sequence(mut self, ids: impl Into<Vec<TokenId>>) -> Self {
        self.draft.bad_token_sequences.push(ids.into());
        self
    }

    /// The order of the stages: each at most once, and every one that is set.
    pub fn sampler_order(mut self, order: impl Into<Vec<SamplerStage>>) -> Self {
        self.draft.sampler_order = Some(order.into());
        self
    }

    /// Makes the draws repeatable: the same seed gives the same ids, alone and in any batch.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draft.seed = Some(seed);
        self
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first parameter that is out of its range, not a number, or meaningless beside
    /// another.
    pub fn build(self) -> Result<Sampling, InvalidRequest> {
        self.draft.check()?;
        Ok(self.draft)
    }
}
