//! A decoder described by its numbers, so that each engine can build it from its own operators.

/// A decoder-only transformer: pre-norm blocks of grouped-query attention with rotary positions
/// and a gated feed-forward, with RMS norms.
///
/// An engine that meets a number it has no operator for must refuse the model by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The family's name: `llama`, `qwen3`.
    pub family: String,
    /// Rows of the token embedding and width of the logits.
    pub vocabulary: usize,
    /// The most positions that the model was trained for.
    pub context_length: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Inner width of the feed-forward.
    pub feed_forward: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Added to the mean square in every RMS norm.
    pub norm_epsilon: f32,
    /// Rotary position embedding.
    pub rotary: Rotary,
    /// Which linear maps add a bias.
    pub biases: Biases,
    /// Whether each head of the queries and keys goes through an RMS norm of its own weights
    /// before it is rotated (Qwen3, arXiv:2505.09388).
    pub qk_norm: bool,
    /// How attention differs from layer to layer; as many as [`layers`](Self::layers).
    pub attention: Vec<LayerAttention>,
    /// Whether the output head is the token embedding.
    pub tied_head: bool,
}

/// Which linear maps add a bias to their outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// Queries, keys and values.
    pub query_key_value: bool,
    /// The output of attention.
    pub attention_output: bool,
    /// Gate, up and down.
    pub feed_forward: bool,
}

/// What differs between the attention of one layer and another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerAttention {
    /// A token sees only so many positions, itself among them (sliding window); `None` is all
    /// that came before.
    pub window: Option<usize>,
    /// Whether queries and keys are rotated; a layer without knows no positions (NoPE).
    pub rotary: bool,
}

impl LayerAttention {
    /// Rotated, and over every earlier position.
    pub const FULL: Self = Self {
        window: None,
        rotary: true,
    };
}

/// Rotary position embedding (RoFormer, arXiv:2104.09864), with any scaling already in its
/// frequencies, so that an engine need not know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// How many of a head's dimensions are rotated, from the first on.
    pub dimensions: usize,
    /// Which dimensions make a pair.
    pub pairing: RotaryPairing,
    /// The angle of each pair from one position to the next, in radians; `dimensions / 2` of
    /// them.
    pub frequencies: Vec<f32>,
    /// Multiplies every rotated query and key, as YaRN asks (arXiv:2309.00071); 1 changes
    /// nothing.
    pub magnitude: f32,
}

impl Rotary {
    /// Pair `i` turns by `base^(-2i / dimensions)` from one position to the next.
    pub fn unscaled(base: f32, dimensions: usize, pairing: RotaryPairing) -> Self {
        let frequency = |pair| Self::frequency(base.into(), dimensions, pair) as f32;
        Self {
            dimensions,
            pairing,
            frequencies: (0..dimensions / 2).map(frequency).collect(),
            magnitude: 1.0,
        }
    }

    pub(crate) fn frequency(base: f64, dimensions: usize, pair: usize) -> f64 {
        base.powf(-2.0 * pair as f64 / dimensions as f64)
    }
}

/// Which dimensions a rotation turns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryPairing {
    /// `2i` with `2i + 1`: GGUF files of the Llama family, whose Q and K rows are permuted.
    Interleaved,
    /// `i` with `i + dimensions / 2`: Hugging Face folders.
    Halves,
}
