//! What a reader receives for each token.

use std::ops::Range;
use std::time::Instant;

use crate::TokenLogprobs;

/// The number of a token in its model's vocabulary.
pub type TokenId = u32;

/// When the stations of a token's life were passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTimes {
    /// The request was submitted.
    pub queued: Instant,
    /// The request first entered a step of the model.
    pub scheduled: Instant,
    /// The model chose this token.
    pub sampled: Instant,
    /// The token, with the text that it releases, was handed to the stream.
    pub released: Instant,
}

/// One record of a stream: a token and the text that became certain with it.
///
/// A reader that keeps up gets one record a token. Under [`SlowReader::Coalesce`] a reader that
/// falls behind gets several tokens in one record; no id is lost, see [`StreamToken::ids`].
///
/// [`SlowReader::Coalesce`]: crate::SlowReader::Coalesce
#[derive(Debug, Clone, PartialEq)]
pub struct StreamToken {
    /// How many tokens the stream carried before this record's newest token.
    pub index: usize,
    /// The newest token's id. `None` where a remote engine does not tell it, and in a record
    /// without a token.
    pub id: Option<TokenId>,
    /// The text released with this record. Empty while characters are incomplete or a stop
    /// string may have begun.
    pub text: String,
    /// Where `text` stands in the whole text of the stream, in bytes.
    pub span: Range<usize>,
    /// How many tokens the record carries: 1, more if it was coalesced, and 0 if it only carries
    /// text, the echo of the prompt or what was held back until the end.
    pub tokens: usize,
    /// Older tokens that were coalesced into this record, oldest first; usually empty.
    pub coalesced: Vec<Option<TokenId>>,
    /// How probable each of the record's tokens was, oldest first, if the request asked for it.
    pub logprobs: Vec<TokenLogprobs>,
    /// The stations of the newest token.
    pub times: TokenTimes,
}

impl StreamToken {
    /// Every id that this record carries, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.coalesced.iter().copied().chain([self.id]).flatten()
    }
}
