//! The shapes of real models, as their `config.json` tells them.

use anyhow::{Context, Result};

/// The numbers of a decoder.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    pub(super) family: Family,
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) feed_forward: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Tokens.
    pub(crate) vocabulary: usize,
    pub(super) context: usize,
    pub(super) rotary_base: f32,
    pub(super) norm_epsilon: f32,
    pub(super) scaling: Option<Llama3Scaling>,
}

/// What distinguishes families in their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Llama,
    /// As Llama, with biases for queries, keys and values.
    Qwen2,
}

impl Family {
    /// `general.architecture`, and `model_type` in a `config.json`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
        }
    }

    /// `architectures` in a `config.json`.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
        }
    }

    pub(super) fn has_biases(self) -> bool {
        self == Self::Qwen2
    }
}

/// `rope_scaling` of type `llama3`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Llama3Scaling {
    pub(super) factor: f32,
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) original_context: usize,
}

impl Llama3Scaling {
    /// What each rotary frequency is divided by, as Meta published it with Llama 3.1
    /// (`apply_scaling` of llama-models) and llama.cpp stores it in `rope_freqs.weight`.
    pub(super) fn divisors(&self, base: f32, head_dim: usize) -> Vec<f32> {
        let original = self.original_context as f32;
        let divisor = |i: usize| {
            let frequency = base.powf(-((2 * i) as f32) / head_dim as f32);
            let wavelength = std::f32::consts::TAU / frequency;
            let smooth = (original / wavelength - self.low) / (self.high - self.low);
            1.0 / (smooth.clamp(0.0, 1.0) * (1.0 - 1.0 / self.factor) + 1.0 / self.factor)
        };
        (0..head_dim / 2).map(divisor).collect()
    }
}

/// Its rows are whole blocks of every format.
const TINY: Shape = Shape {
    name: "tiny",
    family: Family::Llama,
    layers: 2,
    hidden: 256,
    feed_forward: 512,
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    vocabulary: 512,
    context: 512,
    rotary_base: 10_000.0,
    norm_epsilon: 1e-5,
    scaling: None,
};

/// Llama 3.2's.
const SCALING: Llama3Scaling = Llama3Scaling {
    factor: 32.0,
    low: 1.0,
    high: 4.0,
    original_context: 8_192,
};

/// Every shape has its output head tied to its embedding.
static SHAPES: [Shape; 6] = [
    TINY,
    Shape {
        name: "tiny-qwen2",
        family: Family::Qwen2,
        ..TINY
    },
    Shape {
        name: "tiny-llama3",
        scaling: Some(Llama3Scaling {
            original_context: 128,
            ..SCALING
        }),
        ..TINY
    },
    Shape {
        name: "smollm2-135m",
        family: Family::Llama,
        layers: 30,
        hidden: 576,
        feed_forward: 1_536,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        vocabulary: 49_152,
        context: 8_192,
        rotary_base: 100_000.0,
        norm_epsilon: 1e-5,
        scaling: None,
    },
    Shape {
        name: "qwen2.5-0.5b",
        family: Family::Qwen2,
        layers: 24,
        hidden: 896,
        feed_forward: 4_864,
        heads: 14,
        kv_heads: 2,
        head_dim: 64,
        vocabulary: 151_936,
        context: 32_768,
        rotary_base: 1_000_000.0,
        norm_epsilon: 1e-6,
        scaling: None,
    },
    Shape {
        name: "llama-3.2-1b",
        family: Family::Llama,
        layers: 16,
        hidden: 2_048,
        feed_forward: 8_192,
        heads: 32,
        kv_heads: 8,
        head_dim: 64,
        vocabulary: 128_256,
        context: 131_072,
        rotary_base: 500_000.0,
        norm_epsilon: 1e-5,
        scaling: Some(SCALING),
    },
];

impl Shape {
    /// The shape of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let found = SHAPES.iter().find(|shape| shape.name == name);
        let known = SHAPES.each_ref().map(|shape| shape.name).join(", ");
        found.with_context(|| format!("there is no shape `{name}`; known are {known}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_frequencies_stay_and_slow_ones_are_divided() {
        let shape = Shape::named("llama-3.2-1b").unwrap();
        let scaling = shape.scaling.unwrap();
        let divisors = scaling.divisors(shape.rotary_base, shape.head_dim);
        assert_eq!(divisors.len(), 32);
        assert_eq!((divisors[0], divisors[31]), (1.0, 32.0));
        assert!(divisors.is_sorted());
    }
}
