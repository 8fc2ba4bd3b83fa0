//! The architecture of a Hugging Face folder: the keys of `config.json`, as the classes
//! `*Config` of transformers name them.

use super::config_rotary::rotary;
use super::{BiasRule, Family, limits};
use crate::architecture::{Architecture, Biases};
use crate::error::Fault;
use crate::json::Object;

const MODEL_TYPE: &str = "model_type";
const CLASSES: &str = "architectures";
const LAYERS: &str = "num_hidden_layers";
pub(super) const CONTEXT: &str = "max_position_embeddings";
const HIDDEN: &str = "hidden_size";
const FEED_FORWARD: &str = "intermediate_size";
const HEADS: &str = "num_attention_heads";
const KV_HEADS: &str = "num_key_value_heads";
const HEAD_DIM: &str = "head_dim";
const NORM_EPSILON: &str = "rms_norm_eps";
const VOCABULARY: &str = "vocab_size";
const ACTIVATION: &str = "hidden_act";
const TIED: &str = "tie_word_embeddings";
const QUANTIZATION: &str = "quantization_config";
const ATTENTION_BIAS: &str = "attention_bias";
const FEED_FORWARD_BIAS: &str = "mlp_bias";

/// `rms_norm_eps` where it is left out.
const DEFAULT_NORM_EPSILON: f64 = 1e-6;

/// The architecture that a `config.json` describes.
pub(crate) fn from_config(config: &Object<'_>) -> Result<Architecture, Fault> {
    let family = family(config)?;
    refuse_unsupported(config)?;
    let hidden = config.required_size(HIDDEN, limits::WIDTH)?;
    let heads = config.required_size(HEADS, limits::HEADS)?;
    let head_dim = head_dim(config, hidden, heads)?;
    let layers = config.required_size(LAYERS, limits::LAYERS)?;
    let epsilon = config.positive(NORM_EPSILON)?;
    Ok(Architecture {
        family: family.name.to_owned(),
        vocabulary: config.required_size(VOCABULARY, limits::WIDTH)?,
        context_length: config.required_size(CONTEXT, limits::CONTEXT)?,
        hidden,
        feed_forward: config.required_size(FEED_FORWARD, limits::WIDTH)?,
        layers,
        heads,
        kv_heads: kv_heads(config, heads)?,
        head_dim,
        norm_epsilon: epsilon.unwrap_or(DEFAULT_NORM_EPSILON) as f32,
        rotary: rotary(config, family, head_dim)?,
        biases: family.biases(config)?,
        qk_norm: family.qk_norm,
        attention: family.attention(config, layers)?,
        tied_head: config.boolean(TIED)?.unwrap_or(family.tied),
    })
}

fn family(config: &Object<'_>) -> Result<&'static Family, Fault> {
    let model_type = config.string(MODEL_TYPE)?;
    let model_type = model_type.ok_or_else(|| config.missing(MODEL_TYPE))?;
    let classes = config.strings(CLASSES)?.unwrap_or_default();
    Family::of_config(model_type, classes.first().copied())
}

/// Refuses what would compute wrong numbers if it were passed over.
fn refuse_unsupported(config: &Object<'_>) -> Result<(), Fault> {
    if let Some(quantization) = config.object(QUANTIZATION)? {
        let method = quantization.string("quant_method")?.unwrap_or("unknown");
        let feature = format!("weights quantised by `{method}` (`{QUANTIZATION}`)");
        return Err(Fault::feature(feature));
    }
    match config.string(ACTIVATION)? {
        None | Some("silu" | "swish") => Ok(()),
        Some(other) => Err(Fault::feature(format!("`{ACTIVATION}` = `{other}`"))),
    }
}

fn head_dim(config: &Object<'_>, hidden: usize, heads: usize) -> Result<usize, Fault> {
    let stated = config.size(HEAD_DIM, limits::HEADS)?;
    if stated.is_none() && !hidden.is_multiple_of(heads) {
        let problem = format!("is {heads}, which does not divide `{HIDDEN}` = {hidden}");
        return Err(config.fault(HEADS, problem));
    }
    let head_dim = stated.unwrap_or(hidden / heads);
    if !head_dim.is_multiple_of(2) {
        let problem = format!("gives heads of width {head_dim}, which must be even");
        let key = stated.map_or(HEADS, |_| HEAD_DIM);
        return Err(config.fault(key, problem));
    }
    Ok(head_dim)
}

fn kv_heads(config: &Object<'_>, heads: usize) -> Result<usize, Fault> {
    let kv_heads = config.size(KV_HEADS, limits::HEADS)?.unwrap_or(heads);
    if heads.is_multiple_of(kv_heads) {
        return Ok(kv_heads);
    }
    let problem = format!("is {kv_heads}, which does not divide `{HEADS}` = {heads}");
    Err(config.fault(KV_HEADS, problem))
}

impl Family {
    fn biases(&self, config: &Object<'_>) -> Result<Biases, Fault> {
        match self.biases {
            BiasRule::Never => Ok(Biases::default()),
            BiasRule::QueryKeyValue => Ok(Biases {
                query_key_value: true,
                ..Biases::default()
            }),
            BiasRule::Stated => {
                let attention = config.boolean(ATTENTION_BIAS)?.unwrap_or(false);
                Ok(Biases {
                    query_key_value: attention,
                    attention_output: attention,
                    feed_forward: config.boolean(FEED_FORWARD_BIAS)?.unwrap_or(false),
                })
            }
        }
    }
}
