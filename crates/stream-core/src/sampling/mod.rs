//! How a token is chosen from the model's logits.

mod builder;
mod check;
mod get;
mod modes;
mod stage;
#[cfg(test)]
mod tests;

pub use builder::SamplingBuilder;
pub use modes::{Dry, Mirostat, Xtc};
pub use stage::SamplerStage;

use crate::TokenId;

/// The parameters of sampling, checked when they are built. The default draws from the model's
/// own distribution: temperature 1, nothing cut off, no penalty.
///
/// # The order of the steps
/// A row of logits passes through these steps. Each is off until its parameter is set.
///
/// 1. **Masks**, always first: [`logit_bias`](Self::logit_bias) is added; then what must not be
///    chosen is made impossible: [bad words](Self::bad_words), end and stop ids before
///    `min_tokens`, and ids that the tokenizer does not have.
/// 2. **[Stages](SamplerStage)**, in the order of [`sampler_order`](Self::sampler_order), which
///    is [`SamplerStage::DEFAULT_ORDER`] unless it is set: penalties, DRY, temperature,
///    top-n-sigma, top-k, top-p, typical-p, epsilon cutoff, eta cutoff, min-p, XTC. Each sees
///    what those before it have left, as probabilities that sum to 1.
/// 3. **The choice**, always last: the most probable token if the temperature is 0, else one
///    draw; with [`Mirostat`] a draw from the tokens that its bound leaves.
///
/// Of equally probable tokens every cut keeps the lowest ids, and every cut keeps at least one.
///
/// # What goes together
/// With temperature 0 only the masks, the penalties and DRY can change the choice: every cut
/// keeps the most probable token, so cuts are accepted and have nothing to do. (Typical-p, which
/// may drop that token, has no effect with temperature 0 either.) XTC and mirostat are refused
/// with temperature 0. Mirostat is a cut of its own; any other cut beside it is refused. Masks,
/// penalties, DRY and temperature work with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    temperature: f32,
    top_k: Option<u32>,
    top_p: f32,
    min_p: f32,
    typical_p: f32,
    top_n_sigma: f32,
    epsilon_cutoff: f32,
    eta_cutoff: f32,
    repetition_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    dry: Option<Dry>,
    xtc: Option<Xtc>,
    mirostat: Option<Mirostat>,
    logit_bias: Vec<(TokenId, f32)>,
    bad_words: Vec<String>,
    bad_token_sequences: Vec<Vec<TokenId>>,
    sampler_order: Option<Vec<SamplerStage>>,
    seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            top_n_sigma: 0.0,
            epsilon_cutoff: 0.0,
            eta_cutoff: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            dry: None,
            xtc: None,
            mirostat: None,
            logit_bias: Vec::new(),
            bad_words: Vec::new(),
            bad_token_sequences: Vec::new(),
            sampler_order: None,
            seed: None,
        }
    }
}

impl Sampling {
    /// Always the most probable token.
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    /// Starts from the default.
    pub fn builder() -> SamplingBuilder {
        SamplingBuilder::from(Self::default())
    }

    /// The stages that are set, in the order in which they are applied.
    pub fn active_stages(&self) -> impl Iterator<Item = SamplerStage> + '_ {
        let stages = self.sampler_order().iter().copied();
        stages.filter(|stage| stage.is_set(self))
    }
}
