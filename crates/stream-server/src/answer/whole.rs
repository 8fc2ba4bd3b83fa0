//! An answer in one piece.

use futures::future::try_join_all;
use stream_core::{Completion, TokenStream};

use super::{Head, letters, usage};
use crate::error::ApiError;
use crate::job::{Form, Kind};
use crate::reply::{
    Choice, Reply, ReplyCall, ReplyMessage, Said, chat_logprobs, completion_logprobs,
    finish_reason, prompt_logprobs, stop_reason,
};
use crate::span::Span;
use crate::tools::{Piece, ToolReader, ToolStyle};
use crate::wire::{CalledFunction, FunctionWord};

/// Waits for all streams and makes their answer. Dropping it cancels them.
///
/// # Errors
/// The error that ended the first of them that failed.
pub(crate) async fn whole(
    head: Head,
    streams: Vec<TokenStream>,
    span: &mut Span,
) -> Result<Reply, ApiError> {
    let all = try_join_all(streams.into_iter().map(TokenStream::collect)).await;
    let all = all
        .map_err(ApiError::from)
        .inspect_err(|error| span.fail(error))?;
    let usage = usage(all.iter().map(|one| one.usage), head.n);
    let first_token = all.iter().map(|one| one.timings.time_to_first_token());
    let first_token = first_token.flatten().min();
    let of_prompt = all.first().and_then(|one| one.prompt_logprobs.as_deref());
    let of_prompt = of_prompt.map(prompt_logprobs);
    let choices = all.into_iter().enumerate();
    let reply = Reply {
        id: head.id,
        object: match head.form.kind {
            Kind::Chat => "chat.completion",
            Kind::Completion => "text_completion",
        },
        created: head.created,
        choices: choices
            .map(|(index, one)| choice(&head.form, index, one))
            .collect(),
        model: head.form.model,
        usage: usage.into(),
        prompt_logprobs: of_prompt,
    };
    let reasons: Vec<_> = reply.choices.iter().map(|one| one.finish_reason).collect();
    span.end(usage, &reasons, first_token);
    Ok(reply)
}

fn choice(form: &Form, index: usize, one: Completion) -> Choice {
    let (said, calls) = match form.kind {
        Kind::Completion => (Said::Text(one.text), 0),
        Kind::Chat => {
            let message = message(&form.tools, one.text);
            let calls = message.tool_calls.len();
            (Said::Message(message), calls)
        }
    };
    Choice {
        index,
        said,
        logprobs: form.logprobs.then(|| match form.kind {
            Kind::Chat => chat_logprobs(&one.logprobs),
            Kind::Completion => completion_logprobs(&one.logprobs, 0),
        }),
        finish_reason: finish_reason(&one.reason, calls),
        stop_reason: stop_reason(&one.reason),
        token_ids: form.token_ids.then_some(one.ids),
    }
}

fn message(style: &ToolStyle, text: String) -> ReplyMessage {
    let (content, tool_calls) = match style {
        ToolStyle::None => (Some(text), Vec::new()),
        style => apart(style, &text),
    };
    ReplyMessage {
        role: "assistant",
        content,
        refusal: None,
        tool_calls,
    }
}

/// What an answer says, and its calls.
fn apart(style: &ToolStyle, text: &str) -> (Option<String>, Vec<ReplyCall>) {
    let mut pieces = Vec::new();
    let mut reader = ToolReader::new(style, &mut pieces);
    reader.push(text, &mut pieces);
    reader.finish(&mut pieces);
    let (mut said, mut calls) = (String::new(), Vec::<ReplyCall>::new());
    for piece in pieces {
        match piece {
            Piece::Text(text) => said.push_str(&text),
            Piece::Call { name, .. } => calls.push(ReplyCall {
                id: format!("call_{}", letters()),
                r#type: FunctionWord::Function,
                function: CalledFunction {
                    name,
                    arguments: String::new(),
                },
            }),
            Piece::Arguments { text, .. } => {
                if let Some(call) = calls.last_mut() {
                    call.function.arguments.push_str(&text);
                }
            }
        }
    }
    let content = (calls.is_empty() || !said.is_empty()).then_some(said);
    (content, calls)
}
