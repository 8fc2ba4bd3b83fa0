//! What the tensors of a model are for.

use crate::architecture::Architecture;

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightId {
    /// A row per id: `[vocabulary, hidden]`.
    TokenEmbedding,
    /// Weight of the RMS norm after the last block: `[1, hidden]`.
    OutputNorm,
    /// From the residual stream to the logits: `[vocabulary, hidden]`. In a model with a tied
    /// head this is the token embedding.
    OutputHead,
    /// A weight of the block with this number.
    Layer(usize, LayerWeight),
}

/// What a tensor of a block is for. A matrix is `[outputs, inputs]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LayerWeight {
    /// Weight of the RMS norm before attention: `[1, hidden]`.
    AttentionNorm,
    /// `[heads * head_dim, hidden]`.
    Query,
    /// `[kv_heads * head_dim, hidden]`.
    Key,
    /// `[kv_heads * head_dim, hidden]`.
    Value,
    /// `[hidden, heads * head_dim]`.
    AttentionOutput,
    /// Weight of the RMS norm before the feed-forward: `[1, hidden]`.
    FeedForwardNorm,
    /// `[feed_forward, hidden]`; its output goes through SiLU.
    Gate,
    /// `[feed_forward, hidden]`; its output is multiplied with that of the gate.
    Up,
    /// `[hidden, feed_forward]`.
    Down,
}

impl LayerWeight {
    /// Every weight of a block.
    pub const ALL: [Self; 9] = [
        Self::AttentionNorm,
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::FeedForwardNorm,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];
}

impl WeightId {
    /// Every weight of a model, each tensor once: the head only where it is not tied.
    pub fn all(architecture: &Architecture) -> impl Iterator<Item = Self> + use<> {
        let head = (!architecture.tied_head).then_some(Self::OutputHead);
        let layers = (0..architecture.layers)
            .flat_map(|layer| LayerWeight::ALL.map(|weight| Self::Layer(layer, weight)));
        [Self::TokenEmbedding, Self::OutputNorm]
            .into_iter()
            .chain(head)
            .chain(layers)
    }

    /// Rows and columns that this weight has in such a model.
    pub fn shape(self, architecture: &Architecture) -> (usize, usize) {
        let a = architecture;
        let (queries, keys) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        match self {
            Self::TokenEmbedding | Self::OutputHead => (a.vocabulary, a.hidden),
            Self::OutputNorm => (1, a.hidden),
            Self::Layer(_, weight) => match weight {
                LayerWeight::AttentionNorm | LayerWeight::FeedForwardNorm => (1, a.hidden),
                LayerWeight::Query => (queries, a.hidden),
                LayerWeight::Key | LayerWeight::Value => (keys, a.hidden),
                LayerWeight::AttentionOutput => (a.hidden, queries),
                LayerWeight::Gate | LayerWeight::Up => (a.feed_forward, a.hidden),
                LayerWeight::Down => (a.hidden, a.feed_forward),
            },
        }
    }
}
