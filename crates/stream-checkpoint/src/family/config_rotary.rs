//! The rotation of a Hugging Face folder's heads: `rope_theta` and `rope_scaling`, or in newer
//! files `rope_parameters`, as `modeling_rope_utils.py` of transformers reads them.

use super::config::CONTEXT;
use super::{Family, limits};
use crate::architecture::{Rotary, RotaryPairing};
use crate::error::Fault;
use crate::json::Object;
use crate::rotary::{Llama3, RotarySettings, Scaling, Yarn};

const BASE: &str = "rope_theta";
const SCALING: &str = "rope_scaling";
const PARAMETERS: &str = "rope_parameters";
const ORIGINAL_CONTEXT: &str = "original_max_position_embeddings";
const PARTIAL: &str = "partial_rotary_factor";
const FACTOR: &str = "factor";

pub(super) fn rotary(
    config: &Object<'_>,
    family: &Family,
    head_dim: usize,
) -> Result<Rotary, Fault> {
    let parameters = match config.object(SCALING)? {
        None => config.object(PARAMETERS)?,
        scaling => scaling,
    };
    refuse_partial(config)?;
    let inner = parameters.as_ref();
    inner.map_or(Ok(()), refuse_partial)?;
    let own_base = inner.map_or(Ok(None), |inner| inner.positive(BASE))?;
    let base = match own_base {
        None => config.positive(BASE)?,
        stated => stated,
    };
    let settings = RotarySettings {
        base: base.unwrap_or(family.rotary_base),
        dimensions: head_dim,
        pairing: RotaryPairing::Halves,
        divisors: None,
        scaling: inner.map_or(Ok(Scaling::None), |inner| scaling(config, inner))?,
    };
    let no_numbers = || config.fault(BASE, "gives rotations that are no finite numbers");
    settings.rotary().ok_or_else(no_numbers)
}

/// No known family turns only a part of each head.
fn refuse_partial(object: &Object<'_>) -> Result<(), Fault> {
    match object.number(PARTIAL)? {
        None | Some(1.0) => Ok(()),
        Some(part) => Err(Fault::feature(format!("`{PARTIAL}` = {part}"))),
    }
}

fn scaling(config: &Object<'_>, parameters: &Object<'_>) -> Result<Scaling, Fault> {
    let kind = match parameters.string("rope_type")? {
        None => parameters.string("type")?,
        stated => stated,
    };
    match kind.unwrap_or("default") {
        "default" => refuse_nested(parameters),
        "linear" => Ok(Scaling::Linear {
            factor: parameters.required_positive(FACTOR)?,
        }),
        "llama3" => llama3(config, parameters).map(Scaling::Llama3),
        "yarn" => yarn(config, parameters).map(Scaling::Yarn),
        other => Err(Fault::feature(format!("rotary scaling of type `{other}`"))),
    }
}

/// Some families have parameters for each type of layer, in objects of their own.
fn refuse_nested(parameters: &Object<'_>) -> Result<Scaling, Fault> {
    for kind in ["full_attention", "sliding_attention"] {
        if parameters.names(kind) {
            let feature =
                format!("rotary positions of their own for each type of layer (`{kind}`)");
            return Err(Fault::feature(feature));
        }
    }
    Ok(Scaling::None)
}

/// Positions of the first training; a value outside of the parameters goes first.
fn original_context(config: &Object<'_>, parameters: &Object<'_>) -> Result<f64, Fault> {
    let outside = config.size(ORIGINAL_CONTEXT, limits::CONTEXT)?;
    let inside = parameters.size(ORIGINAL_CONTEXT, limits::CONTEXT)?;
    let whole = config.required_size(CONTEXT, limits::CONTEXT)?;
    Ok(outside.or(inside).unwrap_or(whole) as f64)
}

fn llama3(config: &Object<'_>, parameters: &Object<'_>) -> Result<Llama3, Fault> {
    let low_frequency_factor = parameters.required_positive("low_freq_factor")?;
    let high_frequency_factor = parameters.required_positive("high_freq_factor")?;
    if high_frequency_factor <= low_frequency_factor {
        let problem = format!(
            "is {high_frequency_factor}, must be above `low_freq_factor` = {low_frequency_factor}"
        );
        return Err(parameters.fault("high_freq_factor", problem));
    }
    Ok(Llama3 {
        factor: parameters.required_positive(FACTOR)?,
        low_frequency_factor,
        high_frequency_factor,
        original_context: original_context(config, parameters)?,
    })
}

fn yarn(config: &Object<'_>, parameters: &Object<'_>) -> Result<Yarn, Fault> {
    let original_context = original_context(config, parameters)?;
    let factor = match parameters.positive(FACTOR)? {
        Some(factor) => factor,
        None => config.required_positive(CONTEXT)? / original_context,
    };
    let beta_fast = parameters.positive("beta_fast")?;
    let beta_slow = parameters.positive("beta_slow")?;
    Ok(Yarn {
        factor,
        original_context,
        beta_fast: beta_fast.unwrap_or(Yarn::BETA_FAST),
        beta_slow: beta_slow.unwrap_or(Yarn::BETA_SLOW),
        truncate: parameters.boolean("truncate")?.unwrap_or(true),
        magnitude: magnitude(parameters, factor)?,
    })
}

fn magnitude(parameters: &Object<'_>, factor: f64) -> Result<f64, Fault> {
    if let Some(stated) = parameters.positive("attention_factor")? {
        return Ok(stated);
    }
    let weights = [
        parameters.number("mscale")?,
        parameters.number("mscale_all_dim")?,
    ];
    match weights.map(|weight| weight.filter(|weight| *weight != 0.0)) {
        [Some(own), Some(all)] => {
            Ok(Yarn::magnitude_of(factor, own) / Yarn::magnitude_of(factor, all))
        }
        _ => Ok(Yarn::magnitude_of(factor, 1.0)),
    }
}
