//! Structured output for in-process engines: what llguidance can keep an answer to.
//!
//! [`Grammars`] compiles the [`Grammar`](stream_core::Grammar)s of requests for one tokenizer;
//! an engine gets it with `EngineConfig::grammars`. It works on the tokenizer's table of bytes
//! alone, so a token may begin or end inside a character or inside a word of the grammar.
//!
//! A grammar is a program that a stranger wrote, so everything about it is bounded:
//!
//! - The request's text is at most 256 KiB (the core), a Lark grammar at most 64 KiB.
//! - It is compiled on a thread of its own with a stack that no nesting of that length fills,
//!   and with limits of llguidance on its size. The caller waits for
//!   [`compile_time`](GrammarLimits::compile_time) at most, and gets a refusal then; the thread
//!   ends by itself, and until then holds one of a few slots. There is no queue that grows.
//! - What was compiled is kept, the least recently used being dropped first, and copied for each
//!   answer: no answer sees another's growth.
//! - Each mask has a budget of its own; an answer that goes over it ends with an error.
//!
//! JSON may have whitespace between its parts as llama.cpp's grammars have it: a space, or one
//! or two line ends with an indent of up to 20 characters. Without a bound small models go on
//! with blanks for ever. A schema's own `x-guidance` object, as llguidance reads it, comes first.
#![forbid(unsafe_code)]

mod cache;
mod compiler;
mod limits;
mod matcher;
mod message;
mod slots;
mod source;
mod tables;

pub use compiler::Grammars;
pub use limits::GrammarLimits;
