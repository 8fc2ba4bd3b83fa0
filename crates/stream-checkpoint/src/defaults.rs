//! What a model's file says about how it wants to be used.

use stream_core::{Sampling, SamplingBuilder, TokenId};

use crate::error::Fault;
use crate::gguf::Metadata;
use crate::json::Object;
use crate::tokenizer::SpecialTokens;

/// What a model's file says about how it wants to be used.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Defaults {
    /// The most positions that the model was trained for.
    pub context_length: usize,
    /// Begins a text.
    pub bos: Option<TokenId>,
    /// Ends a text, or a turn in a chat model.
    pub eos: Option<TokenId>,
    /// Whether [`bos`](Self::bos) is put in front of a prompt.
    pub add_bos: bool,
    /// Every id that ends a generation, [`eos`](Self::eos) among them.
    pub end_ids: Vec<TokenId>,
    /// What the model's makers recommend.
    pub sampling: SamplingDefaults,
}

/// Recommended sampling parameters; `None` where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct SamplingDefaults {
    /// `general.sampling.temp` in GGUF, `temperature` in `generation_config.json`; 0 is greedy.
    pub temperature: Option<f32>,
    /// `general.sampling.top_k`, `top_k`
    pub top_k: Option<u32>,
    /// `general.sampling.top_p`, `top_p`
    pub top_p: Option<f32>,
    /// `general.sampling.min_p`, `min_p`
    pub min_p: Option<f32>,
    /// `general.sampling.penalty_repeat`, `repetition_penalty`
    pub repetition_penalty: Option<f32>,
}

impl Defaults {
    pub(crate) fn new(
        context_length: usize,
        special: &SpecialTokens,
        sampling: SamplingDefaults,
    ) -> Self {
        Self {
            context_length,
            bos: special.bos,
            eos: special.eos,
            add_bos: special.add_bos,
            end_ids: special.end.clone(),
            sampling,
        }
    }
}

impl SamplingDefaults {
    /// Sampling parameters that begin with what is recommended, and with this temperature where
    /// none is.
    pub fn builder(&self, temperature: f32) -> SamplingBuilder {
        let mut builder = Sampling::builder().temperature(self.temperature.unwrap_or(temperature));
        if let Some(k) = self.top_k {
            builder = builder.top_k(k);
        }
        if let Some(p) = self.top_p {
            builder = builder.top_p(p);
        }
        if let Some(p) = self.min_p {
            builder = builder.min_p(p);
        }
        match self.repetition_penalty {
            Some(penalty) => builder.repetition_penalty(penalty),
            None => builder,
        }
    }

    /// What a GGUF file says.
    pub(crate) fn from_gguf(metadata: &Metadata<'_>) -> Result<Self, Fault> {
        let top_k = metadata.integer("general.sampling.top_k", i32::MAX as u64)?;
        Ok(Self {
            temperature: metadata.float("general.sampling.temp")?,
            top_k: top_k.map(|k| k as u32),
            top_p: metadata.float("general.sampling.top_p")?,
            min_p: metadata.float("general.sampling.min_p")?,
            repetition_penalty: metadata.float("general.sampling.penalty_repeat")?,
        })
    }

    /// What a `generation_config.json` says. Where it says `do_sample: false`, transformers
    /// takes the most likely token and looks at nothing else.
    pub(crate) fn from_generation_config(config: &Object<'_>) -> Result<Self, Fault> {
        let repetition_penalty = number(config, "repetition_penalty")?;
        if config.boolean("do_sample")? == Some(false) {
            return Ok(Self {
                temperature: Some(0.0),
                repetition_penalty,
                ..Self::default()
            });
        }
        let top_k = config.integer("top_k", i32::MAX as u64)?;
        Ok(Self {
            temperature: number(config, "temperature")?,
            top_k: top_k.map(|k| k as u32),
            top_p: number(config, "top_p")?,
            min_p: number(config, "min_p")?,
            repetition_penalty,
        })
    }
}

fn number(config: &Object<'_>, key: &str) -> Result<Option<f32>, Fault> {
    Ok(config.number(key)?.map(|x| x as f32))
}
