//! The families of models, and what sets each apart.
//!
//! A family that is a decoder of known parts is added as one entry of [`FAMILIES`]. A new part
//! is a field of [`Architecture`](crate::Architecture) and one of [`Family`].

mod attention;
mod config;
mod config_rotary;
mod gguf;
mod gguf_keys;
mod gguf_rotary;
mod limits;
mod names;
#[cfg(test)]
mod tests;

use crate::architecture::RotaryPairing;
use crate::error::Fault;

pub(crate) use self::config::from_config;
pub(crate) use self::gguf::from_gguf;
pub(crate) use self::gguf_rotary::DIVISORS;
pub(crate) use self::names::{folder_name, gguf_name};

/// What sets a family apart from the others, in the files of both kinds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Family {
    /// `general.architecture` in GGUF, `model_type` in `config.json`.
    pub(crate) name: &'static str,
    /// What `architectures` in `config.json` says.
    class: &'static str,
    /// The pairs of its GGUF files, whose converter permutes the rows of some families' Q and K
    /// (`convert_hf_to_gguf.py` and `llama_model_rope_type` of llama.cpp); `None` if they call
    /// themselves something else.
    gguf: Option<RotaryPairing>,
    /// The rotary base where a file names none.
    rotary_base: f64,
    /// Whether the head is the embedding where `config.json` does not say.
    tied: bool,
    biases: BiasRule,
    qk_norm: bool,
    windows: WindowRule,
    /// Layers without rotary positions where a file does not say: every so many.
    no_rotary_every: Option<usize>,
}

/// Which linear maps have biases. In GGUF the tensors themselves say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BiasRule {
    Never,
    /// `attention_bias` and `mlp_bias` say it.
    Stated,
    /// Queries, keys and values, always.
    QueryKeyValue,
}

/// Which layers see only a window, in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowRule {
    Never,
    /// All, of `sliding_window` positions; of so many if it is left out, of all if it is null.
    /// GGUF files of `llama` may say so too.
    EveryLayer {
        unless_stated: usize,
    },
    /// If `use_sliding_window`, those that `layer_types` names, or else those from
    /// `max_window_layers` on.
    LaterLayers,
    /// If `use_sliding_window`, those that `layer_types` names, or else those without rotary.
    LayersWithoutRotary,
}

/// Every family that is known. Sources: the files `modeling_*.py` and `configuration_*.py` of
/// transformers 5, and `src/models/*.cpp` of llama.cpp.
const FAMILIES: [Family; 5] = [
    // Llama 1 to 3.3, SmolLM 1 and 2.
    Family {
        name: "llama",
        class: "LlamaForCausalLM",
        gguf: Some(RotaryPairing::Interleaved),
        rotary_base: 10_000.0,
        tied: false,
        biases: BiasRule::Stated,
        qk_norm: false,
        windows: WindowRule::Never,
        no_rotary_every: None,
    },
    // Its GGUF files are of the architecture `llama`.
    Family {
        name: "mistral",
        class: "MistralForCausalLM",
        gguf: None,
        rotary_base: 10_000.0,
        tied: false,
        biases: BiasRule::Never,
        qk_norm: false,
        windows: WindowRule::EveryLayer {
            unless_stated: 4_096,
        },
        no_rotary_every: None,
    },
    // Qwen 2 and 2.5.
    Family {
        name: "qwen2",
        class: "Qwen2ForCausalLM",
        gguf: Some(RotaryPairing::Halves),
        rotary_base: 10_000.0,
        tied: false,
        biases: BiasRule::QueryKeyValue,
        qk_norm: false,
        windows: WindowRule::LaterLayers,
        no_rotary_every: None,
    },
    Family {
        name: "qwen3",
        class: "Qwen3ForCausalLM",
        gguf: Some(RotaryPairing::Halves),
        rotary_base: 10_000.0,
        tied: false,
        biases: BiasRule::Stated,
        qk_norm: true,
        windows: WindowRule::LaterLayers,
        no_rotary_every: None,
    },
    Family {
        name: "smollm3",
        class: "SmolLM3ForCausalLM",
        gguf: Some(RotaryPairing::Interleaved),
        rotary_base: 2_000_000.0,
        tied: true,
        biases: BiasRule::Stated,
        qk_norm: false,
        windows: WindowRule::LayersWithoutRotary,
        no_rotary_every: Some(4),
    },
];

impl Family {
    /// The family of a GGUF file.
    pub(crate) fn of_gguf(architecture: &str) -> Result<(&'static Self, RotaryPairing), Fault> {
        let find = |family: &'static Self| {
            let pairing = family.gguf.filter(|_| family.name == architecture)?;
            Some((family, pairing))
        };
        FAMILIES.iter().find_map(find).ok_or_else(|| {
            let known = FAMILIES.iter().filter(|family| family.gguf.is_some());
            unknown(architecture, known.map(|family| family.name))
        })
    }

    /// The family of a folder whose `config.json` has this `model_type` and, if it names any,
    /// this first of its `architectures`.
    pub(crate) fn of_config(model_type: &str, class: Option<&str>) -> Result<&'static Self, Fault> {
        let fits = |family: &&Self| {
            let same = |class: &str| class.eq_ignore_ascii_case(family.class);
            family.name == model_type && class.is_none_or(same)
        };
        FAMILIES.iter().find(fits).ok_or_else(|| {
            let found = class.unwrap_or(model_type);
            let known: Vec<_> = FAMILIES.iter().map(|family| family.class).collect();
            unknown(found, known)
        })
    }
}

fn unknown(found: &str, known: impl IntoIterator<Item = &'static str>) -> Fault {
    Fault::UnsupportedArchitecture {
        found: found.to_owned(),
        known: known.into_iter().collect(),
    }
}
