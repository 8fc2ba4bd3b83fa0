//! What tensors are called in the files of both kinds.

use crate::weights::{LayerWeight, WeightId};

/// The name of a weight's tensor in GGUF (`docs/gguf.md` of ggml).
pub(crate) fn gguf_name(id: WeightId) -> String {
    match id {
        WeightId::TokenEmbedding => "token_embd.weight".to_owned(),
        WeightId::OutputNorm => "output_norm.weight".to_owned(),
        WeightId::OutputHead => "output.weight".to_owned(),
        WeightId::Layer(layer, weight) => format!("blk.{layer}.{}", in_layer(weight).0),
    }
}

/// The name of a weight's tensor in a Hugging Face folder: the path of the module in
/// `modeling_llama.py` of transformers, which the other families share.
pub(crate) fn folder_name(id: WeightId) -> String {
    match id {
        WeightId::TokenEmbedding => "model.embed_tokens.weight".to_owned(),
        WeightId::OutputNorm => "model.norm.weight".to_owned(),
        WeightId::OutputHead => "lm_head.weight".to_owned(),
        WeightId::Layer(layer, weight) => format!("model.layers.{layer}.{}", in_layer(weight).1),
    }
}

/// In GGUF, and in a folder.
fn in_layer(weight: LayerWeight) -> (&'static str, &'static str) {
    match weight {
        LayerWeight::AttentionNorm => ("attn_norm.weight", "input_layernorm.weight"),
        LayerWeight::Query => ("attn_q.weight", "self_attn.q_proj.weight"),
        LayerWeight::Key => ("attn_k.weight", "self_attn.k_proj.weight"),
        LayerWeight::Value => ("attn_v.weight", "self_attn.v_proj.weight"),
        LayerWeight::AttentionOutput => ("attn_output.weight", "self_attn.o_proj.weight"),
        LayerWeight::FeedForwardNorm => ("ffn_norm.weight", "post_attention_layernorm.weight"),
        LayerWeight::Gate => ("ffn_gate.weight", "mlp.gate_proj.weight"),
        LayerWeight::Up => ("ffn_up.weight", "mlp.up_proj.weight"),
        LayerWeight::Down => ("ffn_down.weight", "mlp.down_proj.weight"),
        LayerWeight::QueryBias => ("attn_q.bias", "self_attn.q_proj.bias"),
        LayerWeight::KeyBias => ("attn_k.bias", "self_attn.k_proj.bias"),
        LayerWeight::ValueBias => ("attn_v.bias", "self_attn.v_proj.bias"),
        LayerWeight::AttentionOutputBias => ("attn_output.bias", "self_attn.o_proj.bias"),
        LayerWeight::GateBias => ("ffn_gate.bias", "mlp.gate_proj.bias"),
        LayerWeight::UpBias => ("ffn_up.bias", "mlp.up_proj.bias"),
        LayerWeight::DownBias => ("ffn_down.bias", "mlp.down_proj.bias"),
        LayerWeight::QueryNorm => ("attn_q_norm.weight", "self_attn.q_norm.weight"),
        LayerWeight::KeyNorm => ("attn_k_norm.weight", "self_attn.k_norm.weight"),
    }
}
