//! Stretching rotary positions to contexts longer than those of the training, and the
//! frequencies that come of it.
//!
//! The formulas are those of `ROPE_INIT_FUNCTIONS` in transformers' `modeling_rope_utils.py`,
//! computed in double precision.

use std::f64::consts::TAU;

use crate::architecture::{Rotary, RotaryPairing};

/// The rotation of a model's heads, before its frequencies are computed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RotarySettings {
    pub(crate) base: f64,
    pub(crate) dimensions: usize,
    pub(crate) pairing: RotaryPairing,
    /// Divides the frequency of each pair, before any scaling (`rope_freqs.weight` in GGUF).
    pub(crate) divisors: Option<Vec<f32>>,
    pub(crate) scaling: Scaling,
}

/// How frequencies differ from those of RoFormer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scaling {
    None,
    /// Every frequency is divided (position interpolation, arXiv:2306.15595).
    Linear {
        factor: f64,
    },
    Llama3(Llama3),
    Yarn(Yarn),
}

/// Llama 3.1: long waves are stretched, short ones kept, those between blended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Llama3 {
    pub(crate) factor: f64,
    pub(crate) low_frequency_factor: f64,
    pub(crate) high_frequency_factor: f64,
    /// Positions of the first training.
    pub(crate) original_context: f64,
}

/// YaRN (arXiv:2309.00071): dimensions that turn seldom within the original context are
/// stretched, those that turn often kept, and attention is sharpened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Yarn {
    pub(crate) factor: f64,
    /// Positions of the first training.
    pub(crate) original_context: f64,
    /// Turns above which a dimension is kept.
    pub(crate) beta_fast: f64,
    /// Turns below which a dimension is stretched.
    pub(crate) beta_slow: f64,
    /// Whether the bounds between these are whole dimensions.
    pub(crate) truncate: bool,
    /// What every rotated query and key is multiplied with.
    pub(crate) magnitude: f64,
}

impl Yarn {
    pub(crate) const BETA_FAST: f64 = 32.0;
    pub(crate) const BETA_SLOW: f64 = 1.0;

    /// How much attention is sharpened for a context that is `factor` times as long.
    pub(crate) fn magnitude_of(factor: f64, weight: f64) -> f64 {
        match factor > 1.0 {
            true => 0.1 * weight * factor.ln() + 1.0,
            false => 1.0,
        }
    }

    /// How far a pair is kept (1) or stretched (0), for the pairs of a head.
    fn kept(&self, base: f64, dimensions: usize) -> impl Fn(usize) -> f64 + use<> {
        let dimensions = dimensions as f64;
        let turning = |turns: f64| {
            dimensions * (self.original_context / (turns * TAU)).ln() / (2.0 * base.ln())
        };
        let (mut low, mut high) = (turning(self.beta_fast), turning(self.beta_slow));
        if self.truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        (low, high) = (low.max(0.0), high.min(dimensions - 1.0));
        if low == high {
            high += 0.001;
        }
        move |pair| 1.0 - ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0)
    }
}

impl Llama3 {
    fn scale(&self, frequency: f64) -> f64 {
        let (low, high) = (self.low_frequency_factor, self.high_frequency_factor);
        let waves = self.original_context * frequency / TAU;
        if waves > high {
            return frequency;
        }
        if waves < low {
            return frequency / self.factor;
        }
        let smooth = (waves - low) / (high - low);
        (1.0 - smooth) * frequency / self.factor + smooth * frequency
    }
}

impl RotarySettings {
    /// The frequencies; `None` if some of them are no numbers, as for a base of 1 with YaRN.
    pub(crate) fn rotary(&self) -> Option<Rotary> {
        let scale = self.scale();
        let frequencies: Vec<f32> = (0..self.dimensions / 2)
            .map(|pair| scale(pair, self.unscaled(pair)) as f32)
            .collect();
        let magnitude = match self.scaling {
            Scaling::Yarn(yarn) => yarn.magnitude as f32,
            _ => 1.0,
        };
        let finite = frequencies.iter().all(|angle| angle.is_finite()) && magnitude.is_finite();
        finite.then_some(Rotary {
            dimensions: self.dimensions,
            pairing: self.pairing,
            frequencies,
            magnitude,
        })
    }

    fn unscaled(&self, pair: usize) -> f64 {
        let frequency = Rotary::frequency(self.base, self.dimensions, pair);
        let divisor = self.divisors.as_ref().map(|divisors| divisors[pair]);
        frequency / f64::from(divisor.unwrap_or(1.0))
    }

    /// From a pair and its frequency to the scaled frequency.
    fn scale(&self) -> Box<dyn Fn(usize, f64) -> f64> {
        match self.scaling {
            Scaling::None => Box::new(|_, frequency| frequency),
            Scaling::Linear { factor } => Box::new(move |_, frequency| frequency / factor),
            Scaling::Llama3(llama3) => Box::new(move |_, frequency| llama3.scale(frequency)),
            Scaling::Yarn(yarn) => {
                let kept = yarn.kept(self.base, self.dimensions);
                Box::new(move |pair, frequency| {
                    let kept = kept(pair);
                    frequency / yarn.factor * (1.0 - kept) + frequency * kept
                })
            }
        }
    }
}
