//! The parameters, read.

use super::{Dry, Mirostat, SamplerStage, Sampling, Xtc};
use crate::TokenId;

impl Sampling {
    /// Whether the most probable token is always taken (temperature 0).
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Whether earlier tokens change the logits by repetition, presence or frequency penalty.
    pub fn has_penalties(&self) -> bool {
        self.repetition_penalty != 1.0
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }

    /// Divides the logits; 0 is greedy.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// Only the `k` most probable tokens; `None` keeps all.
    pub fn top_k(&self) -> Option<u32> {
        self.top_k
    }

    /// The smallest set of tokens whose probabilities sum to at least this (nucleus sampling,
    /// arXiv:1904.09751); 1 keeps all.
    pub fn top_p(&self) -> f32 {
        self.top_p
    }

    /// Only tokens at least this fraction as probable as the most probable one
    /// (arXiv:2407.01082); 0 keeps all.
    pub fn min_p(&self) -> f32 {
        self.min_p
    }

    /// The smallest set of tokens whose probabilities sum to at least this, taken in the order
    /// of how close −ln p is to the entropy of the distribution (locally typical sampling,
    /// arXiv:2202.00666); 1 keeps all.
    pub fn typical_p(&self) -> f32 {
        self.typical_p
    }

    /// Only tokens whose logit is at most so many standard deviations of all logits below the
    /// largest (top-nσ, arXiv:2411.07641); 0 keeps all.
    pub fn top_n_sigma(&self) -> f32 {
        self.top_n_sigma
    }

    /// Only tokens at least this probable (epsilon sampling, arXiv:2210.15191); 0 keeps all.
    pub fn epsilon_cutoff(&self) -> f32 {
        self.epsilon_cutoff
    }

    /// Only tokens with a probability of at least min(ε, √ε · e^−H), where ε is this and H the
    /// entropy of the distribution (eta sampling, arXiv:2210.15191); 0 keeps all.
    pub fn eta_cutoff(&self) -> f32 {
        self.eta_cutoff
    }

    /// Divides positive and multiplies negative logits of every token of prompt and answer
    /// (CTRL, arXiv:1909.05858); 1 is off.
    pub fn repetition_penalty(&self) -> f32 {
        self.repetition_penalty
    }

    /// Taken from the logit of every token that the answer already holds; 0 is off.
    pub fn presence_penalty(&self) -> f32 {
        self.presence_penalty
    }

    /// Taken from a token's logit for every time that the answer already holds it; 0 is off.
    pub fn frequency_penalty(&self) -> f32 {
        self.frequency_penalty
    }

    /// The penalty on going on with what was said before; `None` is off.
    pub fn dry(&self) -> Option<&Dry> {
        self.dry.as_ref()
    }

    /// The exclusion of the most probable tokens; `None` is off.
    pub fn xtc(&self) -> Option<Xtc> {
        self.xtc
    }

    /// The control of surprise; `None` is off.
    pub fn mirostat(&self) -> Option<Mirostat> {
        self.mirostat
    }

    /// What is added to the logits of these ids; each id once.
    pub fn logit_bias(&self) -> &[(TokenId, f32)] {
        &self.logit_bias
    }

    /// Texts that the answer must not hold. Each is tokenised as it is, and with a space in
    /// front if that makes another first token and as many tokens (as vLLM's `bad_words`). The
    /// last token of such a sequence cannot be chosen while the answer ends with those before
    /// it. The same text spelled by other tokens is not found.
    pub fn bad_words(&self) -> &[String] {
        &self.bad_words
    }

    /// Sequences of ids that the answer must not hold, as [`bad_words`](Self::bad_words) that
    /// are tokenised already.
    pub fn bad_token_sequences(&self) -> &[Vec<TokenId>] {
        &self.bad_token_sequences
    }

    /// The order of the stages. A stage that it leaves out is off.
    pub fn sampler_order(&self) -> &[SamplerStage] {
        let order = self.sampler_order.as_deref();
        order.unwrap_or(&SamplerStage::DEFAULT_ORDER)
    }

    /// Whether the order of the stages was set.
    pub fn has_own_order(&self) -> bool {
        self.sampler_order.is_some()
    }

    /// The seed of the draws; the engine picks one where it is `None`.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }
}
