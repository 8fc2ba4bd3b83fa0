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
    /// Added to the queries: `[1, heads * head_dim]`.
    QueryBias,
    /// Added to the keys: `[1, kv_heads * head_dim]`.
    KeyBias,
    /// Added to the values: `[1, kv_heads * head_dim]`.
    ValueBias,
    /// Added to the output of attention: `[1, hidden]`.
    AttentionOutputBias,
    /// Added to the gate: `[1, feed_forward]`.
    GateBias,
    /// Added to the up projection: `[1, feed_forward]`.
    UpBias,
    /// Added to the down projection: `[1, hidden]`.
    DownBias,
    /// Weight of the RMS norm of each head's queries: `[1, head_dim]`.
    QueryNorm,
    /// Weight of the RMS norm of each head's keys: `[1, head_dim]`.
    KeyNorm,
}

impl LayerWeight {
    /// What every block has.
    const ALWAYS: [Self; 9] = [
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

    pub(crate) const QUERY_KEY_VALUE_BIASES: [Self; 3] =
        [Self::QueryBias, Self::KeyBias, Self::ValueBias];

    pub(crate) const FEED_FORWARD_BIASES: [Self; 3] =
        [Self::GateBias, Self::UpBias, Self::DownBias];

    /// Every weight of a block of such a model.
    pub fn all(architecture: &Architecture) -> impl Iterator<Item = Self> + Clone + use<> {
        let biases = architecture.biases;
        let optional: [(bool, &[Self]); 4] = [
            (biases.query_key_value, &Self::QUERY_KEY_VALUE_BIASES),
            (biases.attention_output, &[Self::AttentionOutputBias]),
            (biases.feed_forward, &Self::FEED_FORWARD_BIASES),
            (architecture.qk_norm, &[Self::QueryNorm, Self::KeyNorm]),
        ];
        let present = optional.into_iter().filter(|(present, _)| *present);
        let optional = present.flat_map(|(_, weights)| weights.iter().copied());
        Self::ALWAYS.into_iter().chain(optional)
    }

    fn shape(self, a: &Architecture) -> (usize, usize) {
        let (queries, keys) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        match self {
            Self::AttentionNorm | Self::FeedForwardNorm => (1, a.hidden),
            Self::Query => (queries, a.hidden),
            Self::Key | Self::Value => (keys, a.hidden),
            Self::AttentionOutput => (a.hidden, queries),
            Self::Gate | Self::Up => (a.feed_forward, a.hidden),
            Self::Down => (a.hidden, a.feed_forward),
            Self::QueryBias => (1, queries),
            Self::KeyBias | Self::ValueBias => (1, keys),
            Self::AttentionOutputBias | Self::DownBias => (1, a.hidden),
            Self::GateBias | Self::UpBias => (1, a.feed_forward),
            Self::QueryNorm | Self::KeyNorm => (1, a.head_dim),
        }
    }
}

impl WeightId {
    /// Every weight of a model, each tensor once: the head only where it is not tied.
    pub fn all(architecture: &Architecture) -> impl Iterator<Item = Self> + use<> {
        let head = (!architecture.tied_head).then_some(Self::OutputHead);
        let of_layer = LayerWeight::all(architecture);
        let layers = (0..architecture.layers).flat_map(move |layer| {
            let of_layer = of_layer.clone();
            of_layer.map(move |weight| Self::Layer(layer, weight))
        });
        [Self::TokenEmbedding, Self::OutputNorm]
            .into_iter()
            .chain(head)
            .chain(layers)
    }

    /// Rows and columns that this weight has in such a model.
    pub fn shape(self, architecture: &Architecture) -> (usize, usize) {
        let a = architecture;
        match self {
            Self::TokenEmbedding | Self::OutputHead => (a.vocabulary, a.hidden),
            Self::OutputNorm => (1, a.hidden),
            Self::Layer(_, weight) => weight.shape(a),
        }
    }
}
