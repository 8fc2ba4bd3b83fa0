//! The token loop that in-process models share.
//!
//! An engine implements [`Model`]: a forward pass over a batch of rows, with sampling. [`Engine`]
//! makes a [`stream_core::Backend`] of it: a bounded queue, paged KV blocks, continuous batching
//! with chunked prefill, preemption, permits and cancels, detokenisation and stop strings.
//!
//! ```
//! use std::sync::Arc;
//!
//! use stream_core::{BackendExt, Message, Request, TokenId, TokenizeError, Tokenizer};
//! use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, Spec};
//!
//! /// Goes on with the next letter of the alphabet.
//! struct Alphabet(Spec);
//!
//! impl Model for Alphabet {
//!     type Ticket = Vec<Next>;
//!
//!     fn spec(&self) -> &Spec {
//!         &self.0
//!     }
//!
//!     fn launch(&mut self, batch: &Batch<'_>) -> Result<Vec<Next>, ModelError> {
//!         let sampled = batch.rows.iter().flat_map(|row| &row.tokens[row.sample.clone()]);
//!         Ok(sampled.map(|id| Next::Token((id + 1).into())).collect())
//!     }
//!
//!     fn collect(&mut self, chosen: Vec<Next>, next: &mut Vec<Next>) -> Result<(), ModelError> {
//!         next.extend(chosen);
//!         Ok(())
//!     }
//! }
//!
//! /// Has a token for each byte of ASCII.
//! struct Ascii([u8; 128]);
//!
//! impl Tokenizer for Ascii {
//!     fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
//!         Ok(text.bytes().map(TokenId::from).collect())
//!     }
//!     fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
//!         Err(TokenizeError::new("the alphabet cannot chat"))
//!     }
//!     fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
//!         self.0.get(id as usize).map(std::slice::from_ref)
//!     }
//!     fn vocabulary_size(&self) -> usize {
//!         self.0.len()
//!     }
//!     fn end_ids(&self) -> &[TokenId] {
//!         &[]
//!     }
//! }
//!
//! let model = Alphabet(Spec {
//!     vocabulary: 128,
//!     context_length: 64,
//!     block_size: 16,
//!     blocks: 8,
//!     max_rows: 4,
//!     max_tokens: 32,
//!     step_overhead: 0,
//!     shares_blocks: true,
//! });
//! let tokenizer = Arc::new(Ascii(std::array::from_fn(|byte| byte as u8)));
//! let engine = Engine::start(model, tokenizer, EngineConfig::new("example", "alphabet", "cpu"))?;
//! let request = Request::raw("abc").max_tokens(4).build()?;
//! let answer = engine.generate(request)?.blocking().completion()?;
//! assert_eq!(answer.text, "defg");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod ascending;
mod engine;
pub mod grammar;
mod model;
pub mod sample;
pub mod schedule;
mod speculate;
pub mod text;

pub use engine::{Engine, EngineConfig, StartError};
pub use model::{
    Batch, BlockId, Capacity, Choice, Chosen, Given, ImpossibleOption, Model, ModelError,
    ModelErrorKind, Next, Probable, Row, Scored, SequenceId, Spec, Task,
};
