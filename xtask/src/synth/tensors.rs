//! The tensors of a decoder, in the order of its layers.

use super::shape::Shape;

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Embedding,
    FinalNorm,
    AttentionNorm,
    Query,
    QueryBias,
    Key,
    KeyBias,
    Value,
    ValueBias,
    AttentionOutput,
    FeedForwardNorm,
    Gate,
    Up,
    Down,
}

/// A tensor to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    pub(super) role: Role,
    /// 0 for what stands in no layer.
    pub(super) layer: usize,
    /// 1 for a vector.
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Tensor {
    pub(super) fn values(&self) -> usize {
        self.rows * self.columns
    }

    pub(super) fn is_norm(&self) -> bool {
        matches!(
            self.role,
            Role::FinalNorm | Role::AttentionNorm | Role::FeedForwardNorm
        )
    }

    pub(super) fn is_vector(&self) -> bool {
        let bias = matches!(self.role, Role::QueryBias | Role::KeyBias | Role::ValueBias);
        bias || self.is_norm()
    }

    /// Innermost last.
    pub(super) fn dimensions(&self) -> Vec<usize> {
        match self.is_vector() {
            true => vec![self.columns],
            false => vec![self.rows, self.columns],
        }
    }

    /// The name in a GGUF file (`docs/gguf.md` of ggml).
    pub(super) fn gguf_name(&self) -> String {
        let name = match self.role {
            Role::Embedding => return "token_embd.weight".to_owned(),
            Role::FinalNorm => return "output_norm.weight".to_owned(),
            Role::AttentionNorm => "attn_norm.weight",
            Role::Query => "attn_q.weight",
            Role::QueryBias => "attn_q.bias",
            Role::Key => "attn_k.weight",
            Role::KeyBias => "attn_k.bias",
            Role::Value => "attn_v.weight",
            Role::ValueBias => "attn_v.bias",
            Role::AttentionOutput => "attn_output.weight",
            Role::FeedForwardNorm => "ffn_norm.weight",
            Role::Gate => "ffn_gate.weight",
            Role::Up => "ffn_up.weight",
            Role::Down => "ffn_down.weight",
        };
        format!("blk.{}.{name}", self.layer)
    }

    /// The name in a Hugging Face folder (`modeling_llama.py` of transformers).
    pub(super) fn folder_name(&self) -> String {
        let name = match self.role {
            Role::Embedding => return "model.embed_tokens.weight".to_owned(),
            Role::FinalNorm => return "model.norm.weight".to_owned(),
            Role::AttentionNorm => "input_layernorm.weight",
            Role::Query => "self_attn.q_proj.weight",
            Role::QueryBias => "self_attn.q_proj.bias",
            Role::Key => "self_attn.k_proj.weight",
            Role::KeyBias => "self_attn.k_proj.bias",
            Role::Value => "self_attn.v_proj.weight",
            Role::ValueBias => "self_attn.v_proj.bias",
            Role::AttentionOutput => "self_attn.o_proj.weight",
            Role::FeedForwardNorm => "post_attention_layernorm.weight",
            Role::Gate => "mlp.gate_proj.weight",
            Role::Up => "mlp.up_proj.weight",
            Role::Down => "mlp.down_proj.weight",
        };
        format!("model.layers.{}.{name}", self.layer)
    }
}

/// All tensors of a shape.
pub(super) fn of(shape: &Shape) -> Vec<Tensor> {
    let outside = |role, rows| Tensor {
        role,
        layer: 0,
        rows,
        columns: shape.hidden,
    };
    let mut tensors = vec![outside(Role::Embedding, shape.vocabulary)];
    for layer in 0..shape.layers {
        tensors.extend(in_layer(shape, layer));
    }
    tensors.push(outside(Role::FinalNorm, 1));
    tensors
}

fn in_layer(shape: &Shape, layer: usize) -> Vec<Tensor> {
    let (hidden, inner) = (shape.hidden, shape.feed_forward);
    let (queries, keys) = (
        shape.heads * shape.head_dim,
        shape.kv_heads * shape.head_dim,
    );
    let all = [
        (Role::AttentionNorm, 1, hidden),
        (Role::Query, queries, hidden),
        (Role::QueryBias, 1, queries),
        (Role::Key, keys, hidden),
        (Role::KeyBias, 1, keys),
        (Role::Value, keys, hidden),
        (Role::ValueBias, 1, keys),
        (Role::AttentionOutput, hidden, queries),
        (Role::FeedForwardNorm, 1, hidden),
        (Role::Gate, inner, hidden),
        (Role::Up, inner, hidden),
        (Role::Down, hidden, inner),
    ];
    let tensor = |(role, rows, columns)| Tensor {
        role,
        layer,
        rows,
        columns,
    };
    let belongs =
        |tensor: &Tensor| tensor.is_norm() || !tensor.is_vector() || shape.family.has_biases();
    all.map(tensor).into_iter().filter(belongs).collect()
}
