//! The steps whose order can be set.

use std::fmt;
use std::str::FromStr;

use super::Sampling;
use crate::InvalidRequest;

/// A step of sampling whose place among the others can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SamplerStage {
    /// Repetition, presence and frequency penalties: they change logits.
    Penalties,
    /// [`Dry`](super::Dry): it changes logits.
    Dry,
    /// The temperature: it divides logits.
    Temperature,
    /// A cut by logits: [`Sampling::top_n_sigma`].
    TopNSigma,
    /// A cut by rank: [`Sampling::top_k`].
    TopK,
    /// A cut by the sum of probabilities: [`Sampling::top_p`].
    TopP,
    /// A cut by the distance from the entropy: [`Sampling::typical_p`].
    TypicalP,
    /// A cut by probability: [`Sampling::epsilon_cutoff`].
    EpsilonCutoff,
    /// A cut by probability and entropy: [`Sampling::eta_cutoff`].
    EtaCutoff,
    /// A cut by the ratio to the most probable token: [`Sampling::min_p`].
    MinP,
    /// [`Xtc`](super::Xtc): a cut from above.
    Xtc,
}

impl SamplerStage {
    /// The order unless it is set: the temperature comes before the cuts, as in Hugging Face's
    /// transformers, vLLM and text-generation-webui; the cuts follow each other as there.
    /// (llama.cpp puts the temperature last.)
    pub const DEFAULT_ORDER: [Self; 11] = [
        Self::Penalties,
        Self::Dry,
        Self::Temperature,
        Self::TopNSigma,
        Self::TopK,
        Self::TopP,
        Self::TypicalP,
        Self::EpsilonCutoff,
        Self::EtaCutoff,
        Self::MinP,
        Self::Xtc,
    ];

    /// The name in lists: `penalties`, `top_k`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Penalties => "penalties",
            Self::Dry => "dry",
            Self::Temperature => "temperature",
            Self::TopNSigma => "top_n_sigma",
            Self::TopK => "top_k",
            Self::TopP => "top_p",
            Self::TypicalP => "typical_p",
            Self::EpsilonCutoff => "epsilon_cutoff",
            Self::EtaCutoff => "eta_cutoff",
            Self::MinP => "min_p",
            Self::Xtc => "xtc",
        }
    }

    /// Whether the parameters turn the stage on.
    pub fn is_set(self, sampling: &Sampling) -> bool {
        match self {
            Self::Penalties => sampling.has_penalties(),
            Self::Dry => sampling.dry().is_some(),
            Self::Temperature => sampling.temperature() != 1.0,
            Self::TopNSigma => sampling.top_n_sigma() > 0.0,
            Self::TopK => sampling.top_k().is_some(),
            Self::TopP => sampling.top_p() < 1.0,
            Self::TypicalP => sampling.typical_p() < 1.0,
            Self::EpsilonCutoff => sampling.epsilon_cutoff() > 0.0,
            Self::EtaCutoff => sampling.eta_cutoff() > 0.0,
            Self::MinP => sampling.min_p() > 0.0,
            Self::Xtc => sampling.xtc().is_some(),
        }
    }

    /// Whether the stage takes candidates away; the others change logits.
    pub fn is_cut(self) -> bool {
        !matches!(self, Self::Penalties | Self::Dry | Self::Temperature)
    }
}

impl fmt::Display for SamplerStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SamplerStage {
    type Err = InvalidRequest;

    fn from_str(name: &str) -> Result<Self, InvalidRequest> {
        let all = Self::DEFAULT_ORDER;
        let known = all.into_iter().find(|stage| stage.as_str() == name);
        known.ok_or_else(|| {
            let names = all.map(Self::as_str).join(", ");
            let found = format!("a list with `{name}`");
            InvalidRequest::new("sampler_order", found, format!("a list of {names}"))
        })
    }
}
