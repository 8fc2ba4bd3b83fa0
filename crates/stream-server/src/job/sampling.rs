//! How tokens are chosen and what ends the answer.

use stream_core::{Sampling, SamplingBuilder, Stop};

use crate::error::ApiError;
use crate::wire::{OneOrMany, Parameters};

/// What ends the answer.
pub(super) fn stop(parameters: &mut Parameters) -> Result<Stop, ApiError> {
    let strings = parameters.stop.take().map(OneOrMany::into_vec);
    let mut stop = Stop::builder()
        .strings(strings.unwrap_or_default())
        .min_tokens(parameters.min_tokens.unwrap_or(0));
    for id in parameters.stop_token_ids.take().unwrap_or_default() {
        stop = stop.id(id);
    }
    if parameters.ignore_eos == Some(true) {
        stop = stop.ignore_eos();
    }
    if parameters.include_stop_str_in_output == Some(true) {
        stop = stop.include_in_output();
    }
    Ok(stop.build()?)
}

/// How tokens are chosen: as the server's operator set it, but for what the request says.
pub(super) fn sampling(p: Parameters, defaults: &Sampling) -> Result<Sampling, ApiError> {
    type Set = fn(SamplingBuilder, f32) -> SamplingBuilder;
    let numbers: [(Option<f32>, Set); 8] = [
        (p.temperature, SamplingBuilder::temperature),
        (p.top_p, SamplingBuilder::top_p),
        (p.min_p, SamplingBuilder::min_p),
        (p.typical_p, SamplingBuilder::typical_p),
        (p.top_n_sigma, SamplingBuilder::top_n_sigma),
        (p.repetition_penalty, SamplingBuilder::repetition_penalty),
        (p.presence_penalty, SamplingBuilder::presence_penalty),
        (p.frequency_penalty, SamplingBuilder::frequency_penalty),
    ];
    let mut builder = SamplingBuilder::from(defaults.clone());
    for (number, set) in numbers {
        if let Some(number) = number {
            builder = set(builder, number);
        }
    }
    if let Some(k) = p.top_k {
        builder = builder.top_k(top_k(k)?);
    }
    if let Some(seed) = p.seed {
        builder = builder.seed(seed);
    }
    for (id, bias) in p.logit_bias.unwrap_or_default() {
        builder = builder.logit_bias(token_id(&id)?, bias);
    }
    for text in p.bad_words.unwrap_or_default() {
        builder = builder.bad_word(text);
    }
    for ids in p.bad_token_sequences.unwrap_or_default() {
        builder = builder.bad_token_sequence(ids);
    }
    Ok(builder.build()?)
}

fn top_k(k: i64) -> Result<u32, ApiError> {
    u32::try_from(if k == -1 { 0 } else { k }).map_err(|_| {
        let message = format!("top_k is {k}, but must be −1, 0 or a number of tokens");
        ApiError::parameter("top_k", message)
    })
}

fn token_id(text: &str) -> Result<u32, ApiError> {
    text.parse().map_err(|_| {
        let message = format!("logit_bias names `{text}`, but must name token ids");
        ApiError::parameter("logit_bias", message)
    })
}
