//! From logits to a token.
//!
//! [`Sampler`] applies a request's parameters to a row of logits and draws once. The draw is a
//! pure function of [`DrawKey`]: a seed gives the same ids alone, in any batch, and after a
//! preemption. What depends on the tokens before, [`TokenCounts`], [`dry_penalties`] and
//! [`BadWords`] work out for it.

mod bad_words;
mod candidates;
mod chain;
mod counts;
mod dry;
mod edit;
mod key;
mod philox;
mod row;
mod sampler;
mod score;
mod select;

pub use bad_words::BadWords;
pub use counts::TokenCounts;
pub use dry::{SequenceBreakers, dry_penalties};
pub use key::DrawKey;
pub use sampler::Sampler;
