//! The architecture of a GGUF file.

use super::gguf_keys::Keys;
use super::gguf_rotary::{divisors, rotary};
use super::names::gguf_name;
use super::{Family, WindowRule, limits};
use crate::architecture::{Architecture, Biases, LayerAttention};
use crate::error::Fault;
use crate::gguf::{Metadata, missing};
use crate::weights::{Files, LayerWeight, TensorTable, WeightId};

const ARCHITECTURE: &str = "general.architecture";

const LAYERS: &str = "block_count";
pub(super) const CONTEXT: &str = "context_length";
const HIDDEN: &str = "embedding_length";
const FEED_FORWARD: &str = "feed_forward_length";
const HEADS: &str = "attention.head_count";
const KV_HEADS: &str = "attention.head_count_kv";
const KEY_LENGTH: &str = "attention.key_length";
const VALUE_LENGTH: &str = "attention.value_length";
const NORM_EPSILON: &str = "attention.layer_norm_rms_epsilon";
const VOCABULARY: &str = "vocab_size";
const EXPERTS: &str = "expert_count";

/// The architecture of files whose tokenizer has this many tokens.
pub(crate) fn from_gguf(
    metadata: &Metadata<'_>,
    files: &Files,
    table: &TensorTable,
    tokens: usize,
) -> Result<Architecture, Fault> {
    let name = metadata.string(ARCHITECTURE)?;
    let (family, pairing) = Family::of_gguf(name.ok_or_else(|| missing(ARCHITECTURE))?)?;
    let keys = Keys {
        family: family.name,
        metadata,
    };
    refuse_experts(keys)?;
    let hidden = keys.required(HIDDEN, limits::WIDTH)?;
    let heads = keys.required(HEADS, limits::HEADS)?;
    let head_dim = head_dim(keys, hidden, heads)?;
    let divisors = divisors(files, table)?;
    let layers = keys.required(LAYERS, limits::LAYERS)?;
    Ok(Architecture {
        family: family.name.to_owned(),
        vocabulary: vocabulary(keys, tokens)?,
        context_length: keys.required(CONTEXT, limits::CONTEXT)?,
        hidden,
        feed_forward: keys.required(FEED_FORWARD, limits::WIDTH)?,
        layers,
        heads,
        kv_heads: kv_heads(keys, heads)?,
        head_dim,
        norm_epsilon: norm_epsilon(keys)?,
        rotary: rotary(keys, pairing, divisors, head_dim)?,
        biases: biases(table),
        qk_norm: family.qk_norm,
        attention: attention(keys, family, layers)?,
        tied_head: !table.contains(&gguf_name(WeightId::OutputHead)),
    })
}

fn refuse_experts(keys: Keys<'_>) -> Result<(), Fault> {
    match keys.metadata.integer(&keys.key(EXPERTS), u64::MAX)? {
        None | Some(0) => Ok(()),
        Some(n) => Err(Fault::feature(format!("a mixture of {n} experts"))),
    }
}

/// Every id has a logit and every logit an id.
fn vocabulary(keys: Keys<'_>, tokens: usize) -> Result<usize, Fault> {
    match keys.optional(VOCABULARY, limits::WIDTH)? {
        Some(size) if size != tokens => {
            let problem = format!("is {size}, but the tokenizer has {tokens} tokens");
            Err(keys.fault(VOCABULARY, problem))
        }
        _ => Ok(tokens),
    }
}

fn head_dim(keys: Keys<'_>, hidden: usize, heads: usize) -> Result<usize, Fault> {
    let Some(key) = keys.optional(KEY_LENGTH, limits::HEADS)? else {
        return divide_hidden(keys, hidden, heads);
    };
    match keys.optional(VALUE_LENGTH, limits::HEADS)? {
        Some(value) if value != key => Err(Fault::feature(format!(
            "values of width {value} with keys of width {key} (`{}`)",
            keys.key(VALUE_LENGTH)
        ))),
        _ => Ok(key),
    }
}

fn divide_hidden(keys: Keys<'_>, hidden: usize, heads: usize) -> Result<usize, Fault> {
    if hidden.is_multiple_of(heads) {
        return Ok(hidden / heads);
    }
    let divided = keys.key(HIDDEN);
    let problem = format!("is {heads}, which does not divide `{divided}` = {hidden}");
    Err(keys.fault(HEADS, problem))
}

fn kv_heads(keys: Keys<'_>, heads: usize) -> Result<usize, Fault> {
    let kv_heads = keys.optional(KV_HEADS, limits::HEADS)?.unwrap_or(heads);
    if heads.is_multiple_of(kv_heads) {
        return Ok(kv_heads);
    }
    let divided = keys.key(HEADS);
    let problem = format!("is {kv_heads}, which does not divide `{divided}` = {heads}");
    Err(keys.fault(KV_HEADS, problem))
}

fn norm_epsilon(keys: Keys<'_>) -> Result<f32, Fault> {
    let epsilon = keys.positive(NORM_EPSILON)?;
    epsilon
        .map(|epsilon| epsilon as f32)
        .ok_or_else(|| missing(&keys.key(NORM_EPSILON)))
}

/// Biases are where their tensors are, as in llama.cpp; the first layer speaks for all.
fn biases(table: &TensorTable) -> Biases {
    let present = |weights: &[LayerWeight]| {
        let mut names = weights
            .iter()
            .map(|weight| gguf_name(WeightId::Layer(0, *weight)));
        names.all(|name| table.contains(&name))
    };
    Biases {
        query_key_value: present(&LayerWeight::QUERY_KEY_VALUE_BIASES),
        attention_output: present(&[LayerWeight::AttentionOutputBias]),
        feed_forward: present(&LayerWeight::FEED_FORWARD_BIASES),
    }
}

fn attention(keys: Keys<'_>, family: &Family, layers: usize) -> Result<Vec<LayerAttention>, Fault> {
    let window = match (keys.window()?, family.windows) {
        // Files of Mistral are files of `llama`.
        (window, WindowRule::Never | WindowRule::EveryLayer { .. }) => window,
        (None, _) => None,
        (Some(window), _) => {
            let key = keys.key("attention.sliding_window");
            return Err(Fault::feature(format!("`{key}` = {window}")));
        }
    };
    let layer = |layer| LayerAttention {
        window,
        rotary: family.rotates(layer, family.no_rotary_every),
    };
    Ok((0..layers).map(layer).collect())
}
