//! From command-line arguments to a request.

use stream_checkpoint::SamplingDefaults;
use stream_engine::core::{
    Dry, Grammar, InvalidRequest, Message, Mirostat, Request, RequestBuilder, Sampling,
    SamplingBuilder, SlowReader, Stop, Xtc,
};

use crate::args::{GenerateArgs, SamplingArgs};

/// Where neither the command line nor the model's file says anything.
pub(crate) const TEMPERATURE: f32 = 0.7;

/// The request for one prompt.
pub(crate) fn for_prompt(
    args: &GenerateArgs,
    prompt: String,
    grammar: Option<Grammar>,
    recommended: &SamplingDefaults,
) -> Result<Request, InvalidRequest> {
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
    let mut request = with_reports(request.slow_reader(policy).n(args.n), args);
    if let Some(grammar) = grammar {
        request = request.grammar(grammar);
    }
    with_sampling(request, &args.sampling, recommended)?.build()
}

fn with_reports(mut request: RequestBuilder, args: &GenerateArgs) -> RequestBuilder {
    if let Some(top) = args.logprobs {
        request = request.logprobs(top);
    }
    if let Some(top) = args.prompt_logprobs {
        request = request.prompt_logprobs(top);
    }
    match args.echo {
        true => request.echo(),
        false => request,
    }
}

/// The request for the next reply in a conversation.
pub(crate) fn for_conversation(
    messages: Vec<Message>,
    args: &SamplingArgs,
    recommended: &SamplingDefaults,
) -> Result<Request, InvalidRequest> {
    with_sampling(Request::chat(messages), args, recommended)?.build()
}

fn with_sampling(
    request: RequestBuilder,
    args: &SamplingArgs,
    recommended: &SamplingDefaults,
) -> Result<RequestBuilder, InvalidRequest> {
    let sampling = sampling(args, recommended)?;
    let request = request.sampling(sampling).stop(stop(args)?);
    Ok(match args.max_tokens {
        Some(tokens) => request.max_tokens(tokens),
        None => request,
    })
}

/// What the command line says, and else what the model's file recommends.
fn sampling(
    args: &SamplingArgs,
    recommended: &SamplingDefaults,
) -> Result<Sampling, InvalidRequest> {
    let mut merged = *recommended;
    merged.temperature = args.temperature.or(merged.temperature);
    merged.top_k = args.top_k.or(merged.top_k);
    merged.top_p = args.top_p.or(merged.top_p);
    merged.min_p = args.min_p.or(merged.min_p);
    merged.repetition_penalty = args.repetition_penalty.or(merged.repetition_penalty);
    let mut builder = merged
        .builder(TEMPERATURE)
        .typical_p(args.typical_p)
        .top_n_sigma(args.top_n_sigma)
        .epsilon_cutoff(args.epsilon_cutoff)
        .eta_cutoff(args.eta_cutoff)
        .presence_penalty(args.presence_penalty)
        .frequency_penalty(args.frequency_penalty);
    for &(id, bias) in &args.logit_bias {
        builder = builder.logit_bias(id, bias);
    }
    for text in &args.bad_word {
        builder = builder.bad_word(text);
    }
    if let Some(order) = &args.sampler_order {
        builder = builder.sampler_order(&order[..]);
    }
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    with_modes(builder, args).build()
}

fn with_modes(mut builder: SamplingBuilder, args: &SamplingArgs) -> SamplingBuilder {
    if let Some(multiplier) = args.dry_multiplier {
        builder = builder.dry(dry(multiplier, args));
    }
    if let Some(probability) = args.xtc_probability {
        let threshold = args.xtc_threshold.unwrap_or(Xtc::default().threshold);
        builder = builder.xtc(Xtc {
            probability,
            threshold,
        });
    }
    if let Some(tau) = args.mirostat_tau {
        let eta = args.mirostat_eta.unwrap_or(Mirostat::default().eta);
        builder = builder.mirostat(Mirostat { tau, eta });
    }
    builder
}

fn dry(multiplier: f32, args: &SamplingArgs) -> Dry {
    let usual = Dry::default();
    Dry {
        multiplier,
        base: args.dry_base.unwrap_or(usual.base),
        allowed_length: args.dry_allowed_length.unwrap_or(usual.allowed_length),
        range: args.dry_range,
        sequence_breakers: match args.dry_breaker.is_empty() {
            true => usual.sequence_breakers,
            false => args.dry_breaker.clone(),
        },
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
