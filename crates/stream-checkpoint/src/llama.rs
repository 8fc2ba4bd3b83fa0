//! The Llama family in GGUF: its hyper-parameters and the names of its tensors.
//!
//! Keys and names as in `docs/gguf.md` of ggml.

use crate::architecture::{Architecture, Biases, LayerAttention, Rotary, RotaryPairing};
use crate::error::Fault;
use crate::gguf::{Gguf, Metadata, missing};
use crate::weights::{LayerWeight, WeightId};

/// What `general.architecture` says.
pub(crate) const FAMILY: &str = "llama";

/// The largest numbers that are believed. They are far above those of any model, and small
/// enough that no product of two of them overflows.
mod most {
    pub(super) const LAYERS: u64 = 4_096;
    pub(super) const HEADS: u64 = 65_536;
    pub(super) const WIDTH: u64 = 1 << 24;
    pub(super) const CONTEXT: u64 = 1 << 31;
}

const LAYERS: &str = "llama.block_count";
const CONTEXT: &str = "llama.context_length";
const HIDDEN: &str = "llama.embedding_length";
const FEED_FORWARD: &str = "llama.feed_forward_length";
const HEADS: &str = "llama.attention.head_count";
const KV_HEADS: &str = "llama.attention.head_count_kv";
const KEY_LENGTH: &str = "llama.attention.key_length";
const VALUE_LENGTH: &str = "llama.attention.value_length";
const NORM_EPSILON: &str = "llama.attention.layer_norm_rms_epsilon";
const ROTARY_BASE: &str = "llama.rope.freq_base";
const ROTARY_DIMENSIONS: &str = "llama.rope.dimension_count";
const ROTARY_SCALING: &str = "llama.rope.scaling.type";
const ROTARY_SCALE: &str = "llama.rope.scale_linear";
const ROTARY_FACTORS: &str = "rope_freqs.weight";
const VOCABULARY: &str = "llama.vocab_size";
const EXPERTS: &str = "llama.expert_count";

/// The family's default base (`docs/gguf.md`; Llama 1 and 2 files leave it out).
const DEFAULT_ROTARY_BASE: f32 = 10_000.0;

/// The architecture of a file whose tokenizer has this many tokens.
pub(crate) fn architecture(file: &Gguf<'_>, tokens: usize) -> Result<Architecture, Fault> {
    let metadata = &file.metadata;
    refuse_unsupported(file)?;
    let hidden = required(metadata, HIDDEN, most::WIDTH)?;
    let heads = required(metadata, HEADS, most::HEADS)?;
    let head_dim = head_dim(metadata, hidden, heads)?;
    let layers = required(metadata, LAYERS, most::LAYERS)?;
    Ok(Architecture {
        family: FAMILY.to_owned(),
        vocabulary: vocabulary(metadata, tokens)?,
        context_length: required(metadata, CONTEXT, most::CONTEXT)?,
        hidden,
        feed_forward: required(metadata, FEED_FORWARD, most::WIDTH)?,
        layers,
        heads,
        kv_heads: kv_heads(metadata, heads)?,
        head_dim,
        norm_epsilon: norm_epsilon(metadata)?,
        rotary: rotary(metadata, head_dim)?,
        biases: Biases::default(),
        qk_norm: false,
        attention: vec![LayerAttention::FULL; layers],
        tied_head: file
            .tensors
            .get(&tensor_name(WeightId::OutputHead))
            .is_none(),
    })
}

/// The name of a weight's tensor.
pub(crate) fn tensor_name(id: WeightId) -> String {
    match id {
        WeightId::TokenEmbedding => "token_embd.weight".to_owned(),
        WeightId::OutputNorm => "output_norm.weight".to_owned(),
        WeightId::OutputHead => "output.weight".to_owned(),
        WeightId::Layer(layer, weight) => format!("blk.{layer}.{}", in_layer(weight)),
    }
}

fn in_layer(weight: LayerWeight) -> &'static str {
    match weight {
        LayerWeight::AttentionNorm => "attn_norm.weight",
        LayerWeight::Query => "attn_q.weight",
        LayerWeight::Key => "attn_k.weight",
        LayerWeight::Value => "attn_v.weight",
        LayerWeight::AttentionOutput => "attn_output.weight",
        LayerWeight::FeedForwardNorm => "ffn_norm.weight",
        LayerWeight::Gate => "ffn_gate.weight",
        LayerWeight::Up => "ffn_up.weight",
        LayerWeight::Down => "ffn_down.weight",
        LayerWeight::QueryBias => "attn_q.bias",
        LayerWeight::KeyBias => "attn_k.bias",
        LayerWeight::ValueBias => "attn_v.bias",
        LayerWeight::AttentionOutputBias => "attn_output.bias",
        LayerWeight::GateBias => "ffn_gate.bias",
        LayerWeight::UpBias => "ffn_up.bias",
        LayerWeight::DownBias => "ffn_down.bias",
        LayerWeight::QueryNorm => "attn_q_norm.weight",
        LayerWeight::KeyNorm => "attn_k_norm.weight",
    }
}

/// Refuses what would compute wrong numbers if it were passed over.
fn refuse_unsupported(file: &Gguf<'_>) -> Result<(), Fault> {
    let metadata = &file.metadata;
    match metadata.string(ROTARY_SCALING)? {
        None | Some("none") => {}
        Some(kind) => return Err(Fault::feature(format!("`{ROTARY_SCALING}` = `{kind}`"))),
    }
    match metadata.float(ROTARY_SCALE)? {
        None | Some(1.0) => {}
        Some(scale) => return Err(Fault::feature(format!("`{ROTARY_SCALE}` = {scale}"))),
    }
    if file.tensors.get(ROTARY_FACTORS).is_some() {
        let feature = format!("rotary frequencies with factors (tensor {ROTARY_FACTORS})");
        return Err(Fault::feature(feature));
    }
    match metadata.integer(EXPERTS, u64::MAX)? {
        None | Some(0) => Ok(()),
        Some(n) => Err(Fault::feature(format!("a mixture of {n} experts"))),
    }
}

/// Every id has a logit and every logit an id.
fn vocabulary(metadata: &Metadata<'_>, tokens: usize) -> Result<usize, Fault> {
    match optional(metadata, VOCABULARY, most::WIDTH)? {
        Some(size) if size != tokens => {
            let problem = format!("is {size}, but the tokenizer has {tokens} tokens");
            Err(Fault::metadata(VOCABULARY, problem))
        }
        _ => Ok(tokens),
    }
}

fn head_dim(metadata: &Metadata<'_>, hidden: usize, heads: usize) -> Result<usize, Fault> {
    let Some(key) = optional(metadata, KEY_LENGTH, most::HEADS)? else {
        return divide_hidden(hidden, heads);
    };
    match optional(metadata, VALUE_LENGTH, most::HEADS)? {
        Some(value) if value != key => Err(Fault::feature(format!(
            "values of width {value} with keys of width {key} (`{VALUE_LENGTH}`)"
        ))),
        _ => Ok(key),
    }
}

fn divide_hidden(hidden: usize, heads: usize) -> Result<usize, Fault> {
    if hidden.is_multiple_of(heads) {
        return Ok(hidden / heads);
    }
    let problem = format!("is {heads}, which does not divide `{HIDDEN}` = {hidden}");
    Err(Fault::metadata(HEADS, problem))
}

fn kv_heads(metadata: &Metadata<'_>, heads: usize) -> Result<usize, Fault> {
    let kv_heads = optional(metadata, KV_HEADS, most::HEADS)?.unwrap_or(heads);
    if heads.is_multiple_of(kv_heads) {
        return Ok(kv_heads);
    }
    let problem = format!("is {kv_heads}, which does not divide `{HEADS}` = {heads}");
    Err(Fault::metadata(KV_HEADS, problem))
}

fn norm_epsilon(metadata: &Metadata<'_>) -> Result<f32, Fault> {
    let epsilon = metadata
        .float(NORM_EPSILON)?
        .ok_or_else(|| missing(NORM_EPSILON))?;
    positive(NORM_EPSILON, epsilon)
}

fn rotary(metadata: &Metadata<'_>, head_dim: usize) -> Result<Rotary, Fault> {
    let base = metadata.float(ROTARY_BASE)?.unwrap_or(DEFAULT_ROTARY_BASE);
    let dimensions = optional(metadata, ROTARY_DIMENSIONS, most::HEADS)?.unwrap_or(head_dim);
    if dimensions > head_dim || !dimensions.is_multiple_of(2) {
        let problem =
            format!("is {dimensions}, must be even and at most the head's width {head_dim}");
        return Err(Fault::metadata(ROTARY_DIMENSIONS, problem));
    }
    let base = positive(ROTARY_BASE, base)?;
    let pairing = RotaryPairing::Interleaved;
    Ok(Rotary::unscaled(base, dimensions, pairing))
}

fn positive(key: &str, value: f32) -> Result<f32, Fault> {
    match value > 0.0 {
        true => Ok(value),
        false => Err(Fault::metadata(key, format!("is {value}, must be above 0"))),
    }
}

fn required(metadata: &Metadata<'_>, key: &str, most: u64) -> Result<usize, Fault> {
    optional(metadata, key, most)?.ok_or_else(|| missing(key))
}

/// An integer from 1 to `most`.
fn optional(metadata: &Metadata<'_>, key: &str, most: u64) -> Result<Option<usize>, Fault> {
    match metadata.integer(key, most)? {
        Some(0) => Err(Fault::metadata(key, format!("is 0, must be 1 to {most}"))),
        Some(n) => Ok(Some(n as usize)),
        None => Ok(None),
    }
}
