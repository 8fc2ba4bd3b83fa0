//! Whole answers, and the parts of answers that are told as JSON.

use serde::Serialize;
use stream_core::{FinishReason, Logprob, TokenLogprobs, Usage};
use utoipa::ToSchema;

use crate::wire::{CalledFunction, FunctionWord};

/// A whole answer to a chat or a completion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reply {
    pub(crate) id: String,
    /// `chat.completion` or `text_completion`.
    #[schema(value_type = String)]
    pub(crate) object: &'static str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: WireUsage,
    /// vLLM's: a list with `null` for the first token of the prompt, and an object of
    /// log-probabilities by token id for each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(crate) prompt_logprobs: Option<serde_json::Value>,
}

/// One answer of several.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Choice {
    pub(crate) index: usize,
    #[serde(flatten)]
    pub(crate) said: Said,
    #[schema(value_type = Option<Object>)]
    pub(crate) logprobs: Option<serde_json::Value>,
    /// `stop`, `length`, `tool_calls` or `cancelled`.
    #[schema(value_type = String)]
    pub(crate) finish_reason: &'static str,
    /// vLLM's: the stop string or id that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) stop_reason: Option<serde_json::Value>,
    /// vLLM's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_ids: Option<Vec<u32>>,
}

/// What was said.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    Message(ReplyMessage),
    Text(String),
}

/// The assistant's message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplyMessage {
    #[schema(value_type = String)]
    pub(crate) role: &'static str,
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<ReplyCall>,
}

/// A call of a tool, or in a stream a part of one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReplyCall {
    pub(crate) id: String,
    pub(crate) r#type: FunctionWord,
    pub(crate) function: CalledFunction,
}

/// Token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WireUsage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: PromptDetails,
}

/// Where the prompt's tokens came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PromptDetails {
    /// Those that did not have to be computed.
    cached_tokens: usize,
}

impl From<Usage> for WireUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens + usage.completion_tokens,
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached_tokens,
            },
        }
    }
}

/// What ended an answer, where it is a stop string or id of the request.
pub(crate) fn stop_reason(reason: &FinishReason) -> Option<serde_json::Value> {
    match reason {
        FinishReason::StopString(text) => Some(text.as_str().into()),
        FinishReason::StopToken(id) => Some((*id).into()),
        _ => None,
    }
}

/// OpenAI's word for an answer's end.
pub(crate) fn finish_reason(reason: &FinishReason, calls: usize) -> &'static str {
    match reason.as_str() {
        "stop" if calls > 0 => "tool_calls",
        other => other,
    }
}

#[derive(Serialize)]
struct ChatToken {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

#[derive(Serialize)]
struct ChatTokens {
    #[serde(flatten)]
    token: ChatToken,
    top_logprobs: Vec<ChatToken>,
}

fn text(token: &Logprob) -> String {
    String::from_utf8_lossy(&token.bytes).into_owned()
}

fn chat_token(token: &Logprob) -> ChatToken {
    ChatToken {
        token: text(token),
        logprob: token.logprob,
        bytes: token.bytes.clone(),
    }
}

/// `logprobs` of a chat's choice.
pub(crate) fn chat_logprobs(tokens: &[TokenLogprobs]) -> serde_json::Value {
    let content = tokens.iter().map(|token| ChatTokens {
        token: chat_token(&token.token),
        top_logprobs: token.top.iter().map(chat_token).collect(),
    });
    serde_json::json!({ "content": content.collect::<Vec<_>>(), "refusal": null })
}

/// `logprobs` of a completion's choice; the first token's text begins at byte `offset`.
pub(crate) fn completion_logprobs(tokens: &[TokenLogprobs], offset: usize) -> serde_json::Value {
    let top = |token: &TokenLogprobs| {
        let mut entries = serde_json::Map::new();
        for other in &token.top {
            // Tokens of the same text share a name; the most probable one comes first.
            entries.entry(text(other)).or_insert(other.logprob.into());
        }
        entries
    };
    let offsets = tokens.iter().scan(offset, |at, token| {
        let here = *at;
        *at += token.token.bytes.len();
        Some(here)
    });
    serde_json::json!({
        "tokens": tokens.iter().map(|t| text(&t.token)).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|t| t.token.logprob).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets.collect::<Vec<_>>(),
    })
}

/// vLLM's `prompt_logprobs`.
pub(crate) fn prompt_logprobs(tokens: &[TokenLogprobs]) -> serde_json::Value {
    let of = |token: &TokenLogprobs| {
        let all = token.top.iter().chain([&token.token]);
        let entries = all.map(|t| {
            let known = serde_json::json!({
                "logprob": t.logprob, "rank": t.rank, "decoded_token": text(t),
            });
            (t.id.map_or_else(String::new, |id| id.to_string()), known)
        });
        serde_json::Value::Object(entries.collect())
    };
    let first = [serde_json::Value::Null];
    first.into_iter().chain(tokens.iter().map(of)).collect()
}
