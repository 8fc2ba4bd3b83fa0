//! From command-line arguments to a request.

use stream_engine::core::{
    InvalidRequest, Message, Request, RequestBuilder, Sampling, SlowReader, Stop,
};

use crate::args::{GenerateArgs, SamplingArgs};

/// The request for one prompt.
pub(crate) fn for_prompt(args: &GenerateArgs, prompt: String) -> Result<Request, InvalidRequest> {
    let request = match (args.raw, &args.system) {
        (true, _) => Request::raw(prompt),
        (false, None) => Request::user(prompt),
        (false, Some(system)) => Request::chat([Message::system(system), Message::user(prompt)]),
    };
    // With --json every token has its own object: nothing is merged for a slow reader.
    let policy = match args.json {
        true => SlowReader::Pause,
        false => SlowReader::Coalesce,
    };
    with_sampling(request.slow_reader(policy), &args.sampling)?.build()
}

/// The request for the next reply in a conversation.
pub(crate) fn for_conversation(
    messages: Vec<Message>,
    args: &SamplingArgs,
) -> Result<Request, InvalidRequest> {
    with_sampling(Request::chat(messages), args)?.build()
}

fn with_sampling(
    request: RequestBuilder,
    args: &SamplingArgs,
) -> Result<RequestBuilder, InvalidRequest> {
    let request = request.sampling(sampling(args)?).stop(stop(args)?);
    Ok(match args.max_tokens {
        Some(tokens) => request.max_tokens(tokens),
        None => request,
    })
}

fn sampling(args: &SamplingArgs) -> Result<Sampling, InvalidRequest> {
    let builder = Sampling::builder()
        .temperature(args.temperature)
        .top_k(args.top_k)
        .top_p(args.top_p)
        .min_p(args.min_p)
        .repetition_penalty(args.repetition_penalty)
        .presence_penalty(args.presence_penalty)
        .frequency_penalty(args.frequency_penalty);
    match args.seed {
        Some(seed) => builder.seed(seed).build(),
        None => builder.build(),
    }
}

fn stop(args: &SamplingArgs) -> Result<Stop, InvalidRequest> {
    let builder = Stop::builder()
        .strings(args.stop.iter().cloned())
        .min_tokens(args.min_tokens);
    match args.ignore_eos {
        true => builder.ignore_eos().build(),
        false => builder.build(),
    }
}
