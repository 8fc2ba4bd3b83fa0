//! The events of an answer, in a server's form. Members that are not known are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use stream_core::{FinishReason, Logprob, TokenId, TokenLogprobs};

/// An event, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<Value>,
}

/// Token counts, as far as they are told.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<usize>,
    pub(crate) prompt_tokens_details: Option<Details>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Details {
    pub(crate) cached_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    /// In an event of a chat.
    pub(crate) delta: Option<Delta>,
    /// In a whole answer to a chat.
    pub(crate) message: Option<Delta>,
    /// In a completion.
    pub(crate) text: Option<String>,
    pub(crate) logprobs: Option<Logprobs>,
    pub(crate) token_ids: Option<Vec<TokenId>>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) stop_reason: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta {
    pub(crate) content: Option<String>,
    pub(crate) reasoning_content: Option<String>,
    pub(crate) reasoning: Option<String>,
    pub(crate) tool_calls: Option<Vec<Call>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Call {
    #[serde(default)]
    pub(crate) function: Function,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: Option<String>,
    pub(crate) arguments: Option<String>,
}

/// Of a chat, or of a completion.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Logprobs {
    content: Option<Vec<ChatToken>>,
    tokens: Option<Vec<String>>,
    token_logprobs: Option<Vec<Option<f32>>>,
    top_logprobs: Option<Vec<Option<BTreeMap<String, f32>>>>,
}

#[derive(Debug, Deserialize)]
struct ChatToken {
    token: String,
    logprob: f32,
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    top_logprobs: Vec<ChatToken>,
}

impl ChatToken {
    fn logprob(&self) -> Logprob {
        let bytes = self.bytes.clone();
        known(
            bytes.unwrap_or_else(|| self.token.clone().into_bytes()),
            self.logprob,
        )
    }
}

fn known(bytes: Vec<u8>, logprob: f32) -> Logprob {
    Logprob {
        id: None,
        bytes,
        // Some servers say −9999 for impossible ones, none says more than 0.
        logprob: logprob.min(0.0),
        rank: None,
    }
}

impl Logprobs {
    /// What is told of each token, with at most `most` of the most probable ones.
    pub(crate) fn tokens(&self, most: usize) -> Vec<TokenLogprobs> {
        let mut all = match &self.content {
            Some(content) => content.iter().map(of_chat).collect(),
            None => self.of_completion(),
        };
        for token in &mut all {
            token.top.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
            if most > 0 && is_best(token) {
                token.top.insert(0, token.token.clone());
            }
            token.top.truncate(most);
        }
        all
    }

    fn of_completion(&self) -> Vec<TokenLogprobs> {
        let texts = self.tokens.iter().flatten();
        let numbers = self.token_logprobs.iter().flatten();
        let mut tops = self.top_logprobs.iter().flatten();
        let tokens = texts.zip(numbers).map(|(text, number)| {
            let top = tops.next().and_then(Option::as_ref);
            let top = top.into_iter().flatten();
            TokenLogprobs {
                token: known(text.clone().into_bytes(), number.unwrap_or(0.0)),
                top: top
                    .map(|(t, n)| known(t.clone().into_bytes(), *n))
                    .collect(),
            }
        });
        tokens.collect()
    }
}

/// Whether a token is more probable than all that are told beside it: it is one of those then, but
/// in a completion, tokens of the same text share a name, and one of them is lost.
fn is_best(token: &TokenLogprobs) -> bool {
    let best = token.top.first();
    best.is_none_or(|best| best.logprob < token.token.logprob)
}

fn of_chat(token: &ChatToken) -> TokenLogprobs {
    TokenLogprobs {
        token: token.logprob(),
        top: token.top_logprobs.iter().map(ChatToken::logprob).collect(),
    }
}

impl Choice {
    /// Why the answer ended. Some servers say an empty word where others say nothing.
    pub(crate) fn finish(&self) -> Option<Result<FinishReason, String>> {
        let word = self
            .finish_reason
            .as_deref()
            .filter(|word| !word.is_empty())?;
        Some(match (word, &self.stop_reason) {
            ("stop", Some(Value::String(text))) => Ok(FinishReason::StopString(text.clone())),
            ("stop", Some(Value::Number(id))) => {
                let id = id.as_u64().and_then(|id| TokenId::try_from(id).ok());
                Ok(id.map_or(FinishReason::EndOfSequence, FinishReason::StopToken))
            }
            ("stop" | "tool_calls" | "function_call" | "eos", _) => Ok(FinishReason::EndOfSequence),
            ("length" | "max_tokens", _) => Ok(FinishReason::Length),
            (other, _) => Err(other.to_owned()),
        })
    }
}

/// What an error object says, whichever form it has.
pub(crate) fn message(error: &Value) -> String {
    let inner = error.get("error").unwrap_or(error);
    let text = ["message", "detail"]
        .iter()
        .find_map(|key| inner.get(key)?.as_str());
    let text = text.or(inner.as_str());
    text.map_or_else(|| inner.to_string(), str::to_owned)
}
