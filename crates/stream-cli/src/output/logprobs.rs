//! Log-probabilities as JSON.

use serde::Serialize;
use stream_engine::core::{Logprob, TokenId, TokenLogprobs};

/// A token with the most probable ones in its place.
#[derive(Serialize)]
pub(super) struct Scored<'a> {
    #[serde(flatten)]
    token: Probable<'a>,
    top: Vec<Probable<'a>>,
}

/// A logarithm is null where the model gave no number.
#[derive(Serialize)]
struct Probable<'a> {
    id: Option<TokenId>,
    bytes: &'a [u8],
    logprob: f32,
    rank: Option<usize>,
}

impl<'a> From<&'a Logprob> for Probable<'a> {
    fn from(logprob: &'a Logprob) -> Self {
        Self {
            id: logprob.id,
            bytes: &logprob.bytes,
            logprob: logprob.logprob,
            rank: logprob.rank,
        }
    }
}

impl<'a> From<&'a TokenLogprobs> for Scored<'a> {
    fn from(logprobs: &'a TokenLogprobs) -> Self {
        Self {
            token: Probable::from(&logprobs.token),
            top: logprobs.top.iter().map(Probable::from).collect(),
        }
    }
}
