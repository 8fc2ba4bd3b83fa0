//! A decoder described by its numbers, so that each engine can build it from its own operators.

/// A decoder-only transformer: pre-norm blocks of grouped-query attention with rotary positions
/// and a gated feed-forward, RMS norms, no biases.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The family's name in its file: `llama`.
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
    /// Whether the output head is the token embedding.
    pub tied_head: bool,
}

/// Rotary position embedding (RoFormer, arXiv:2104.09864).
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Base of the frequencies: pair `i` turns by `position * base^(-2i / dimensions)`.
    pub base: f32,
    /// How many of a head's dimensions are rotated.
    pub dimensions: usize,
    /// Which dimensions make a pair.
    pub pairing: RotaryPairing,
}

/// Which dimensions a rotation turns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryPairing {
    /// `2i` with `2i + 1`: GGUF files of the Llama family, whose Q and K rows are permuted.
    Interleaved,
    /// `i` with `i + dimensions / 2`: Hugging Face folders.
    Halves,
}
