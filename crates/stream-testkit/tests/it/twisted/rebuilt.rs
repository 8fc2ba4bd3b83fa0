//! Requests made anew, with parts left out.

use stream_core::{Prompt, Request, RequestBuilder, Stop};

/// The same request, to be changed.
pub(super) fn again(request: &Request) -> RequestBuilder {
    let prompt = match request.prompt() {
        Prompt::Chat(messages) => Request::chat(messages.clone()),
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

/// The same conditions without strings, ids or a least number.
pub(super) fn rebuilt_stop(stop: &Stop, keep: fn(&Stop) -> (bool, bool, bool)) -> Stop {
    let (strings, ids, least) = keep(stop);
    let mut builder = Stop::builder();
    if strings {
        builder = builder.strings(stop.strings().iter().cloned());
    }
    if ids {
        builder = stop
            .ids()
            .iter()
            .fold(builder, |builder, &id| builder.id(id));
    }
    if stop.ignore_eos() {
        builder = builder.ignore_eos();
    }
    if stop.include_in_output() {
        builder = builder.include_in_output();
    }
    builder
        .min_tokens(if least { stop.min_tokens() } else { 0 })
        .build()
        .unwrap()
}
