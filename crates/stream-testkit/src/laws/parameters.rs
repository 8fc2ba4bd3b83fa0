//! A request for each thing that a backend may or may not be able to do.

use stream_core::{
    Backend, Conversation, Deadlines, Dry, Grammar, Message, Mirostat, Request, RequestBuilder,
    SamplerStage, Sampling, SamplingBuilder, Stop, StopBuilder, Support, Xtc,
};

use crate::Ground;

/// What is asked for, what the backend says of it, and the request.
pub(super) type Asked = (&'static str, Support, RequestBuilder);

/// A request for every parameter that has an entry of its own in the capabilities.
pub(super) fn every_parameter(backend: &dyn Backend, ground: &Ground) -> Vec<Asked> {
    let can = backend.info().capabilities;
    let short = |request: RequestBuilder| request.max_tokens(1).deadlines(deadline(ground));
    let plain = || short(Request::raw("Hello"));
    let chat = || short(Request::chat([Message::user("Hello")]));
    // Servers may know it in chats alone.
    let formed = || match can.chat {
        Support::Unsupported => plain(),
        _ => chat(),
    };
    let stopped = |stop: StopBuilder| plain().stop(stop.build().expect("in range"));
    let mut asked = vec![
        ("a chat", can.chat, chat()),
        ("tools", can.tools, short(Request::conversation(tools()))),
        (
            "a prompt of ids",
            can.token_prompts,
            short(Request::tokens([1])),
        ),
        (
            "a stop string",
            can.stop_strings,
            stopped(Stop::builder().string(".")),
        ),
        ("a stop id", can.stop_ids, stopped(Stop::builder().id(1))),
        (
            "min_tokens",
            can.min_tokens,
            stopped(Stop::builder().min_tokens(1)),
        ),
        ("log-probabilities", can.logprobs, plain().logprobs(1)),
        (
            "those of the prompt",
            can.prompt_logprobs,
            plain().prompt_logprobs(1),
        ),
        ("an echo", can.echo, plain().echo()),
        (
            "a grammar",
            can.structured_output,
            formed().grammar(Grammar::JsonSchema(r#"{"type":"boolean"}"#.into())),
        ),
    ];
    let drawn = |sampling: SamplingBuilder| plain().sampling(sampling.build().expect("in range"));
    let sampled = every_sampler(backend).into_iter();
    asked.extend(sampled.map(|(what, support, sampling)| (what, support, drawn(sampling))));
    asked
}

fn tools() -> Conversation {
    let tool = r#"[{"type":"function","function":{"name":"now","parameters":{"type":"object"}}}]"#;
    Conversation::new(r#"[{"role":"user","content":"Hello"}]"#).with_tools(tool)
}

fn every_sampler(backend: &dyn Backend) -> [(&'static str, Support, SamplingBuilder); 12] {
    let can = backend.info().capabilities;
    let b = Sampling::builder;
    [
        ("a temperature", can.sampling, b().temperature(0.5)),
        ("typical_p", can.typical_p, b().typical_p(0.5)),
        ("top_n_sigma", can.top_n_sigma, b().top_n_sigma(1.0)),
        ("a cutoff", can.cutoffs, b().epsilon_cutoff(0.01)),
        ("a penalty", can.penalties, b().presence_penalty(0.5)),
        ("DRY", can.dry, b().dry(Dry::default())),
        ("XTC", can.xtc, b().xtc(Xtc::default())),
        ("mirostat", can.mirostat, b().mirostat(Mirostat::default())),
        ("a logit bias", can.logit_bias, b().logit_bias(1, 1.0)),
        ("bad words", can.bad_words, b().bad_word("bad")),
        (
            "an order",
            can.sampler_order,
            b().sampler_order(SamplerStage::DEFAULT_ORDER),
        ),
        ("a seed", can.seed, b().seed(1)),
    ]
}

fn deadline(ground: &Ground) -> Deadlines {
    Deadlines {
        total: Some(ground.patience),
        ..Deadlines::default()
    }
}
