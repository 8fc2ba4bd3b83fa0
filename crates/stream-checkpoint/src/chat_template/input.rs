//! What a template is told of a conversation.

use std::collections::BTreeMap;

use minijinja::value::ValueKind;
use minijinja::{Value, context};
use stream_core::Message;

use super::ChatTemplateError;

/// The messages of a conversation.
#[derive(Debug, Clone, Copy)]
pub enum Messages<'a> {
    /// A role and a text each.
    Texts(&'a [Message]),
    /// A JSON array of objects, as in the OpenAI API: with `tool_calls`, content in parts, or
    /// what else the template reads.
    Json(&'a str),
}

/// A conversation, with all that a template may be told of it. Lists and objects are JSON texts,
/// so that the members of an object keep their order in what the template writes.
#[derive(Debug, Clone, Copy)]
pub struct ChatInput<'a> {
    /// What was said.
    pub messages: Messages<'a>,
    /// `tools`: a JSON array of the functions that the model may call, if there are any.
    pub tools: Option<&'a str>,
    /// `documents`: a JSON array of what the model may read up in, if there are any.
    pub documents: Option<&'a str>,
    /// Whether the text ends where the assistant's turn begins.
    pub add_generation_prompt: bool,
    /// Other variables, by their names in [`ChatInput::VARIABLES`], with their values as JSON.
    pub variables: &'a [(&'a str, &'a str)],
}

impl<'a> ChatInput<'a> {
    /// The variables that a request may set beside the conversation itself. Templates ask for them
    /// by these names (Qwen 3, SmolLM 3, DeepSeek, gpt-oss, Granite, Llama 3.1); none can take the
    /// place of the messages, the tools, the texts of special tokens or a function.
    pub const VARIABLES: [&'static str; 14] = [
        "add_vision_id",
        "builtin_tools",
        "controls",
        "custom_tools",
        "date_string",
        "enable_thinking",
        "model_identity",
        "preserve_thinking",
        "python_tools",
        "reasoning_effort",
        "thinking",
        "thinking_budget",
        "tools_in_user_message",
        "xml_tools",
    ];

    /// Messages without tools, documents or variables, up to the assistant's turn.
    pub fn new(messages: &'a [Message]) -> Self {
        Self {
            messages: Messages::Texts(messages),
            tools: None,
            documents: None,
            add_generation_prompt: true,
            variables: &[],
        }
    }
}

/// As transformers gives them to a template.
pub(super) fn variables(input: &ChatInput<'_>) -> Result<Value, ChatTemplateError> {
    let messages = match input.messages {
        Messages::Texts(messages) => messages.iter().map(message).collect(),
        Messages::Json(json) => list("messages", json)?,
    };
    let optional = |part, json: Option<&str>| match json {
        None => Ok(Value::from(())),
        Some(json) => list(part, json),
    };
    let conversation = context! {
        messages,
        add_generation_prompt => input.add_generation_prompt,
        tools => optional("tools", input.tools)?,
        documents => optional("documents", input.documents)?,
    };
    let others = input.variables.iter().map(|(name, json)| {
        let value = parse(name, "JSON", json)?;
        match ChatInput::VARIABLES.contains(name) {
            true => Ok((*name, value)),
            false => Err(ChatTemplateError::Variable {
                name: (*name).to_owned(),
            }),
        }
    });
    let others: BTreeMap<&str, Value> = others.collect::<Result<_, _>>()?;
    Ok(context! { ..conversation, ..Value::from(others) })
}

fn message(message: &Message) -> Value {
    context! { role => message.role.as_str(), content => message.content.as_str() }
}

fn list(part: &str, json: &str) -> Result<Value, ChatTemplateError> {
    const WANTED: &str = "a JSON array of objects";
    let value = parse(part, WANTED, json)?;
    let objects = value.kind() == ValueKind::Seq
        && value
            .try_iter()
            .is_ok_and(|mut items| items.all(|item| item.kind() == ValueKind::Map));
    match objects {
        true => Ok(value),
        false => Err(ChatTemplateError::Input {
            part: part.to_owned(),
            wanted: WANTED,
            problem: "it is other JSON".to_owned(),
        }),
    }
}

fn parse(part: &str, wanted: &'static str, json: &str) -> Result<Value, ChatTemplateError> {
    serde_json::from_str(json).map_err(|error| ChatTemplateError::Input {
        part: part.to_owned(),
        wanted,
        problem: error.to_string(),
    })
}
