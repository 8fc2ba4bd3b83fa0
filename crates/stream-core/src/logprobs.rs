//! How probable tokens were.

use crate::TokenId;

/// A token with the logarithm of its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Logprob {
    /// Its id; `None` where a remote engine does not tell it.
    pub id: Option<TokenId>,
    /// What it adds to the text; may be a part of a character, and is empty for a special token.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability, 0 or less.
    pub logprob: f32,
    /// Its place among all tokens, the most probable one being 1; of equally probable tokens
    /// the lowest id comes first. `None` where a remote engine does not tell it.
    pub rank: Option<usize>,
}

/// How probable a token of the answer or of the prompt was, beside the most probable ones.
///
/// The distribution is the model's own: the softmax of its logits over the ids that the
/// tokenizer has, before masks, penalties, temperature and cuts (as OpenAI's `logprobs`, and
/// vLLM's with `raw_logprobs`).
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprobs {
    /// The token that was chosen, or that stands in the prompt.
    pub token: Logprob,
    /// As many of the most probable tokens as were asked for, the most probable first.
    pub top: Vec<Logprob>,
}
