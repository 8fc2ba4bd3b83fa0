//! Values that may have several forms.

use std::collections::BTreeMap;

use serde::Deserialize;
use stream_core::TokenId;
use utoipa::ToSchema;

/// A token id.
pub(crate) type Id = TokenId;

/// `logit_bias`: biases by the ids of their tokens, which JSON writes as texts.
pub(crate) type Logit = BTreeMap<String, f32>;

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// The prompt of a completion: a text, token ids, or a list of either.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected a text, a list of texts, a list of token ids, or a list of such lists"
)]
pub(crate) enum PromptInput {
    Text(String),
    Ids(Vec<Id>),
    Texts(Vec<String>),
    ManyIds(Vec<Vec<Id>>),
}
