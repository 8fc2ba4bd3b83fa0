//! Requests made anew, with parts left out.

use stream_core::{Prompt, Request, RequestBuilder, Stop, TokenId};

/// The same request, to be changed.
pub(super) fn again(request: &Request) -> RequestBuilder {
    let prompt = match request.prompt() {
        Prompt::Chat(messages) => Request::chat(messages.clone()),
        Prompt::Conversation(conversation) => Request::conversation(conversation.clone()),
        Prompt::Raw(text) => Request::raw(text.clone()),
        Prompt::Tokens(ids) => Request::tokens(ids.clone()),
    };
    let prompt = prompt
        .sampling(request.sampling().clone())
        .stop(request.stop().clone());
    match request.max_tokens() {
        Some(tokens) => prompt.max_tokens(tokens),
        None => prompt,
    }
}

/// What is left of a request's conditions.
pub(super) struct Left<'a> {
    pub(super) strings: &'a [String],
    pub(super) ids: &'a [TokenId],
    pub(super) min_tokens: usize,
}

impl<'a> Left<'a> {
    /// All of them.
    pub(super) fn of(stop: &'a Stop) -> Self {
        Self {
            strings: stop.strings(),
            ids: stop.ids(),
            min_tokens: stop.min_tokens(),
        }
    }

    /// The same conditions otherwise as `stop`.
    pub(super) fn build(self, stop: &Stop) -> Stop {
        let builder = Stop::builder()
            .strings(self.strings.iter().cloned())
            .min_tokens(self.min_tokens);
        let mut builder = self.ids.iter().fold(builder, |builder, &id| builder.id(id));
        if stop.ignore_eos() {
            builder = builder.ignore_eos();
        }
        if stop.include_in_output() {
            builder = builder.include_in_output();
        }
        builder.build().unwrap()
    }
}
