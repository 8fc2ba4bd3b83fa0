//! Messages, tools and the choice among them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireRole {
    #[serde(alias = "developer")]
    System,
    User,
    Assistant,
    Tool,
}

/// One turn of a conversation.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireMessage {
    pub(crate) role: WireRole,
    pub(crate) content: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_calls: Option<Vec<WireCall>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<String>,
    /// Stands in answers that clients send back.
    #[serde(rename = "refusal", skip_serializing)]
    #[schema(value_type = Option<String>)]
    _refusal: Option<IgnoredAny>,
    /// Stands in answers that clients send back.
    #[serde(rename = "annotations", skip_serializing)]
    #[schema(value_type = Option<Vec<Object>>)]
    _annotations: Option<IgnoredAny>,
    /// Stands in answers that clients send back, as `null`.
    #[serde(rename = "audio", skip_serializing)]
    #[schema(value_type = Option<Object>)]
    _audio: Option<Nothing>,
    /// Stands in answers that clients send back, as `null`.
    #[serde(rename = "function_call", skip_serializing)]
    #[schema(value_type = Option<Object>)]
    _function_call: Option<Nothing>,
}

/// What no message may have, but as `null`.
#[derive(Debug, Deserialize)]
enum Nothing {}

/// What is said: a text, or parts of one.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected a text or a list of parts of the type `text`"
)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a content.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, ToSchema)]
pub(crate) struct Part {
    pub(crate) r#type: TextWord,
    pub(crate) text: String,
}

/// The only kind of part that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TextWord {
    Text,
}

impl Content {
    /// Its text; parts are joined.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(|part| part.text.as_str()).collect(),
        }
    }
}

/// A call that the model made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireCall {
    pub(crate) id: String,
    pub(crate) r#type: FunctionWord,
    pub(crate) function: CalledFunction,
    /// Stands in events that clients send back.
    #[serde(rename = "index", skip_serializing)]
    _index: Option<usize>,
}

/// The only kind of tool that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FunctionWord {
    Function,
}

/// The function that was called.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, ToSchema)]
pub(crate) struct CalledFunction {
    pub(crate) name: String,
    /// A text of JSON.
    pub(crate) arguments: String,
}

/// A function that the model may call.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    pub(crate) r#type: FunctionWord,
    pub(crate) function: Function,
}

/// Its name, what it is for, and what it takes.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<Box<RawValue>>,
    /// Arguments are kept to the schema where a call is forced.
    #[serde(rename = "strict", skip_serializing)]
    _strict: Option<bool>,
}

/// Whether and which tool is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected `none`, `auto`, `required`, or an object that names a function"
)]
pub(crate) enum ToolChoice {
    Mode(ToolMode),
    Named(NamedChoice),
}

/// Whether a tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolMode {
    None,
    Auto,
    Required,
}

/// The function that must be called.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NamedChoice {
    #[serde(rename = "type")]
    _type: FunctionWord,
    pub(crate) function: FunctionName,
}

/// A function's name.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct FunctionName {
    pub(crate) name: String,
}
