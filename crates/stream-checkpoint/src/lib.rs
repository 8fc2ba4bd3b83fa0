//! One reader of model files for every engine: architecture, weights, tokenizer, chat template
//! and defaults.
//!
//! [`Checkpoint::open`] reads a `.gguf` file of the Llama family. The file is mapped into memory
//! and nothing in it is believed before it is checked: a damaged or hostile file gives a
//! [`CheckpointError`] that says what is wrong with it.
//!
//! | | what is known |
//! |---|---|
//! | files | GGUF versions 2 and 3, little endian, in one piece |
//! | families | `llama` without rotary scaling, biases and experts |
//! | number formats | [`TensorFormat`] |
//! | tokenizers | in GGUF, byte-level BPE (`gpt2`) cut as GPT-2, SmolLM, Llama 3, Qwen 2 to 3.5, Tekken, GPT-4o or DeepSeek 3 do, and SentencePiece's BPE (`llama`); in folders, `tokenizer.json` ([`TokenizerFiles`]) |
//!
//! Everything else is refused with an error that names what was found and what is known.
//!
//! An engine builds its graph from the [`Architecture`], takes each tensor from the [`Weights`]
//! as it lies in the file, and turns into `f32` what it has no kernel for.

mod architecture;
mod chat_template;
mod checkpoint;
mod contain;
pub mod default_model;
mod defaults;
mod dequant;
mod error;
mod format;
mod gguf;
pub mod hub;
mod llama;
mod source;
mod tokenizer;
mod weights;

pub use architecture::{Architecture, Biases, LayerAttention, Rotary, RotaryPairing};
pub use chat_template::{ChatTemplate, ChatTemplateError, SpecialTexts};
pub use checkpoint::Checkpoint;
pub use defaults::{Defaults, SamplingDefaults};
pub use error::{CheckpointError, Fault, TensorProblem};
pub use format::TensorFormat;
pub use source::Access;
pub use tokenizer::{ModelTokenizer, TokenizerFiles};
pub use weights::{LayerWeight, TensorView, WeightId, Weights};
