//! A conversation.

use stream_core::{Conversation, Message, Request, RequestBuilder, Role};

use super::{Form, Job, Kind, Shared, form, tools};
use crate::error::ApiError;
use crate::state::App;
use crate::wire::{ChatRequest, Content, Parameters, WireMessage, WireRole};

impl Job {
    /// The next message of a conversation.
    pub(crate) fn chat(mut body: ChatRequest, app: &App) -> Result<Self, ApiError> {
        let mut parameters = body.take_parameters();
        let logprobs = logprobs(&body)?;
        set_max_tokens(&mut parameters, body.max_completion_tokens)?;
        check(&body.messages)?;
        let mut form = form(Kind::Chat, &parameters, app)?;
        let stream = parameters.stream.unwrap_or(false);
        let mut set = Shared::new(parameters, app)?;
        form.logprobs = logprobs.is_some();
        let tools = tools::choose(&mut body, &mut set.grammar)?;
        form = Form {
            tools: tools.style,
            ..form
        };
        let mut request = set.apply(prompt(body, tools.shown)?);
        if let Some(top) = logprobs {
            request = request.logprobs(top);
        }
        Ok(Self {
            requests: vec![request.build()?],
            form,
            stream,
        })
    }
}

fn logprobs(body: &ChatRequest) -> Result<Option<usize>, ApiError> {
    match (body.logprobs.unwrap_or(false), body.top_logprobs) {
        (true, top) => Ok(Some(top.unwrap_or(0))),
        (false, None) => Ok(None),
        (false, Some(_)) => {
            let message = "top_logprobs is set, but logprobs is not true";
            Err(ApiError::parameter("top_logprobs", message))
        }
    }
}

fn set_max_tokens(parameters: &mut Parameters, newer: Option<usize>) -> Result<(), ApiError> {
    match (parameters.max_tokens, newer) {
        (Some(old), Some(new)) if old != new => {
            let message =
                format!("max_tokens is {old} and max_completion_tokens {new}; set one of them");
            return Err(ApiError::parameter("max_completion_tokens", message));
        }
        (old, new) => parameters.max_tokens = new.or(old),
    }
    Ok(())
}

/// The messages say something, and what they say may stand in them.
fn check(messages: &[WireMessage]) -> Result<(), ApiError> {
    let spoken = |m: &WireMessage| {
        let text = m
            .content
            .as_ref()
            .is_some_and(|c| !c.text().trim().is_empty());
        m.role != WireRole::System && (text || m.tool_calls.is_some())
    };
    if !messages.iter().any(spoken) {
        let message = "messages must hold one in which the user says something";
        return Err(ApiError::parameter("messages", message));
    }
    for (i, message) in messages.iter().enumerate() {
        let wrong = |why: &str| {
            let place = format!("messages[{i}]");
            Err(ApiError::parameter(
                place.clone(),
                format!("{place}: {why}"),
            ))
        };
        let assistant = message.role == WireRole::Assistant;
        if message.content.is_none() && !assistant {
            return wrong("content is missing");
        }
        if message.tool_calls.is_some() && !assistant {
            return wrong("only the assistant calls tools");
        }
        if (message.role == WireRole::Tool) != message.tool_call_id.is_some() {
            return wrong("a message of the role `tool`, and no other, has a tool_call_id");
        }
    }
    Ok(())
}

fn prompt(body: ChatRequest, tools: Option<String>) -> Result<RequestBuilder, ApiError> {
    let variables = body.chat_template_kwargs.unwrap_or_default();
    if tools.is_none()
        && variables.is_empty()
        && let Some(messages) = plain(&body.messages)
    {
        return Ok(Request::chat(messages));
    }
    let mut conversation = Conversation::new(json("messages", &flat(body.messages))?);
    conversation.tools = tools.map(Into::into);
    let variables = variables.into_iter();
    conversation.variables = variables.map(|(n, v)| (n, v.get().to_owned())).collect();
    Ok(Request::conversation(conversation))
}

/// The messages, if each is a text and who says it.
fn plain(messages: &[WireMessage]) -> Option<Vec<Message>> {
    let message = |message: &WireMessage| {
        let role = match message.role {
            WireRole::System => Role::System,
            WireRole::User => Role::User,
            WireRole::Assistant if message.tool_calls.is_none() => Role::Assistant,
            _ => return None,
        };
        let plain = message.reasoning_content.is_none() && message.name.is_none();
        let text = message.content.as_ref().map(Content::text);
        plain.then(|| Message::new(role, text.unwrap_or_default()))
    };
    messages.iter().map(message).collect()
}

/// Contents as texts: few templates know parts.
fn flat(mut messages: Vec<WireMessage>) -> Vec<WireMessage> {
    for message in &mut messages {
        let text = message.content.take().map(|content| content.text());
        message.content = text.map(Content::Text);
    }
    messages
}

fn json(parameter: &'static str, value: &impl serde::Serialize) -> Result<String, ApiError> {
    let text = serde_json::to_string(value);
    text.map_err(|error| ApiError::parameter(parameter, error.to_string()))
}
