//! The rotation of a GGUF file's heads.

use super::gguf_keys::Keys;
use super::limits;
use crate::architecture::{Rotary, RotaryPairing};
use crate::error::{Fault, TensorProblem};
use crate::format::TensorFormat;
use crate::rotary::{RotarySettings, Scaling, Yarn};
use crate::weights::{Files, TensorTable};

/// A tensor with a divisor for each pair's frequency: how the rotary scaling of Llama 3.1 is
/// kept in GGUF.
pub(crate) const DIVISORS: &str = "rope_freqs.weight";

const BASE: &str = "rope.freq_base";
const DIMENSIONS: &str = "rope.dimension_count";
const SCALING: &str = "rope.scaling.type";
const FACTOR: &str = "rope.scaling.factor";
/// What [`FACTOR`] was called at first.
const OLD_FACTOR: &str = "rope.scale_linear";
const ORIGINAL_CONTEXT: &str = "rope.scaling.original_context_length";
/// NTK scaling, which no known family uses.
const ALPHA: &str = "rope.scaling.alpha";
const MAGNITUDE: &str = "rope.scaling.attn_factor";
const YARN_MAGNITUDE: &str = "rope.scaling.yarn_attn_factor";
const YARN_LOG_MULTIPLIER: &str = "rope.scaling.yarn_log_multiplier";
const YARN_EXTRAPOLATION: &str = "rope.scaling.yarn_ext_factor";
const YARN_BETA_FAST: &str = "rope.scaling.yarn_beta_fast";
const YARN_BETA_SLOW: &str = "rope.scaling.yarn_beta_slow";

/// Where a file names none (`docs/gguf.md`; Llama 1 and 2 files leave it out).
const DEFAULT_BASE: f64 = 10_000.0;

pub(super) fn rotary(
    keys: Keys<'_>,
    pairing: RotaryPairing,
    divisors: Option<Vec<f32>>,
    head_dim: usize,
) -> Result<Rotary, Fault> {
    let dimensions = dimensions(keys, head_dim)?;
    check_length(divisors.as_deref(), dimensions / 2)?;
    let settings = RotarySettings {
        base: keys.positive(BASE)?.unwrap_or(DEFAULT_BASE),
        dimensions,
        pairing,
        divisors,
        scaling: scaling(keys)?,
    };
    let no_numbers = || keys.fault(BASE, "gives rotations that are no finite numbers");
    settings.rotary().ok_or_else(no_numbers)
}

fn check_length(divisors: Option<&[f32]>, pairs: usize) -> Result<(), Fault> {
    match divisors.map_or(pairs, <[f32]>::len) {
        length if length == pairs => Ok(()),
        length => Err(Fault::Tensors(vec![TensorProblem::Shape {
            name: DIVISORS.to_owned(),
            found: vec![length as u64],
            expected: vec![pairs as u64],
        }])),
    }
}

fn dimensions(keys: Keys<'_>, head_dim: usize) -> Result<usize, Fault> {
    let dimensions = keys.optional(DIMENSIONS, limits::HEADS)?;
    match dimensions.unwrap_or(head_dim) {
        fits if fits <= head_dim && fits.is_multiple_of(2) => Ok(fits),
        other => {
            let problem =
                format!("is {other}, must be even and at most the head's width {head_dim}");
            Err(keys.fault(DIMENSIONS, problem))
        }
    }
}

/// The divisors of the files, if they have them.
pub(super) fn divisors(files: &Files, table: &TensorTable) -> Result<Option<Vec<f32>>, Fault> {
    let Some(info) = table.get(DIVISORS) else {
        return Ok(None);
    };
    if info.format != Ok(TensorFormat::F32) {
        return Err(Fault::feature(format!(
            "{DIVISORS} in another format than F32"
        )));
    }
    let data = files.data(info);
    let mut divisors = vec![0.0; data.len() / size_of::<f32>()];
    TensorFormat::F32.dequantize(data, &mut divisors);
    let divides = |divisor: &f32| divisor.is_finite() && *divisor > 0.0;
    match divisors.iter().find(|divisor| !divides(divisor)) {
        None => Ok(Some(divisors)),
        Some(wrong) => {
            let problem = format!("has the value {wrong}, must be finite and above 0");
            Err(Fault::metadata(DIVISORS, problem))
        }
    }
}

/// As `llama_model::load_hparams` reads it: a factor without a type is of linear scaling.
fn scaling(keys: Keys<'_>) -> Result<Scaling, Fault> {
    keys.refuse_unless(ALPHA, 1.0)?;
    let factor = match keys.positive(FACTOR)? {
        None => keys.positive(OLD_FACTOR)?,
        stated => stated,
    };
    let kind = keys.metadata.string(&keys.key(SCALING))?;
    match (kind, factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(Scaling::None),
        (None | Some("linear"), Some(factor)) => Ok(Scaling::Linear { factor }),
        (Some("yarn"), factor) => Ok(Scaling::Yarn(yarn(keys, factor.unwrap_or(1.0))?)),
        (Some(other), _) => {
            let key = keys.key(SCALING);
            Err(Fault::feature(format!("`{key}` = `{other}`")))
        }
    }
}

fn yarn(keys: Keys<'_>, factor: f64) -> Result<Yarn, Fault> {
    keys.refuse_unless(YARN_EXTRAPOLATION, 1.0)?;
    let original = keys.optional(ORIGINAL_CONTEXT, limits::CONTEXT)?;
    let original = match original {
        Some(original) => original,
        None => keys.required(super::gguf::CONTEXT, limits::CONTEXT)?,
    };
    Ok(Yarn {
        factor,
        original_context: original as f64,
        beta_fast: keys.positive(YARN_BETA_FAST)?.unwrap_or(Yarn::BETA_FAST),
        beta_slow: keys.positive(YARN_BETA_SLOW)?.unwrap_or(Yarn::BETA_SLOW),
        truncate: true,
        magnitude: magnitude(keys, factor)?,
    })
}

/// What the converter was told as `attention_factor` stands alone, as in transformers; otherwise
/// the formula of the paper, weighted as `mscale_all_dim` says.
fn magnitude(keys: Keys<'_>, factor: f64) -> Result<f64, Fault> {
    let more = keys.positive(MAGNITUDE)?.unwrap_or(1.0);
    if let Some(stated) = keys.positive(YARN_MAGNITUDE)? {
        return Ok(stated * more);
    }
    let all = match keys.positive(YARN_LOG_MULTIPLIER)? {
        Some(weight) => Yarn::magnitude_of(factor, weight),
        None => 1.0,
    };
    Ok(Yarn::magnitude_of(factor, 1.0) / all * more)
}
