//! One reader of model files for every engine: architecture, weights, tokenizer, chat template
//! and defaults.
//!
//! [`Checkpoint::open`] reads a `.gguf` file or a Hugging Face folder. Weights are mapped into
//! memory, and nothing in a file is believed before it is checked: a damaged or hostile file
//! gives a [`CheckpointError`] that says what is wrong with it.
//!
//! | | what is known |
//! |---|---|
//! | files | GGUF versions 2 and 3, little endian, in one file or several; Hugging Face folders with safetensors, in one file or several |
//! | families | Llama 1 to 3 with its relatives (SmolLM 1 and 2), Mistral, Qwen 2, 2.5 and 3, SmolLM3 |
//! | rotary scaling | linear, Llama 3, YaRN |
//! | number formats | [`TensorFormat`]; in safetensors F32, F16 and BF16 |
//! | tokenizers | in GGUF, byte-level BPE (`gpt2`) cut as GPT-2, SmolLM, Llama 3, Qwen 2 to 3.5, Tekken, GPT-4o or DeepSeek 3 do, and SentencePiece's BPE (`llama`); in folders, `tokenizer.json` ([`TokenizerFiles`]) |
//!
//! Everything else is refused with an error that names what was found and what is known.
//!
//! A model can also be named by where the Hugging Face hub keeps it, as in `hf:org/repo` or
//! `org/repo:Q4_K_M`: module [`hub`] finds it on this machine, and with the Cargo feature `hub` it
//! fetches what is missing.
//!
//! An engine builds its graph from the [`Architecture`], takes each tensor from the [`Weights`]
//! as it lies in the file, and turns into `f32` what it has no kernel for.

mod architecture;
mod chat_template;
mod checkpoint;
mod consistency;
mod contain;
pub mod default_model;
mod defaults;
mod dequant;
mod error;
mod family;
mod folder;
mod format;
mod gguf;
pub mod hub;
mod json;
mod rotary;
mod source;
mod tokenizer;
mod weights;

pub use architecture::{Architecture, Biases, LayerAttention, Rotary, RotaryPairing};
pub use chat_template::{ChatInput, ChatTemplate, ChatTemplateError, Messages, SpecialTexts};
pub use checkpoint::{Checkpoint, FolderTexts};
pub use defaults::{Defaults, SamplingDefaults};
pub use error::{CheckpointError, Fault, TensorProblem};
pub use format::{Affine, TensorFormat};
pub use source::Access;
pub use tokenizer::{ModelTokenizer, TokenizerFiles};
pub use weights::{LayerWeight, TensorView, WeightId, Weights};
