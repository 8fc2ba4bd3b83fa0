//! From token bytes to the text that a reader may see.
//!
//! Bytes pass through two filters, each of which holds back as little as it must:
//!
//! 1. [`Detokenizer`] completes UTF-8 characters that are split over tokens;
//! 2. [`StopMatcher`] finds stop strings that are split over tokens, so that no part of one
//!    leaks.
//!
//! [`TextAssembler`] joins the two for one sequence. Its law: however the bytes are split into
//! tokens, the pieces joined together are the text of all bytes, cut at the stop string.

mod assembler;
mod detokenizer;
mod stop;

pub use assembler::{Piece, TextAssembler, UnknownToken};
pub use detokenizer::Detokenizer;
pub use stop::StopMatcher;
