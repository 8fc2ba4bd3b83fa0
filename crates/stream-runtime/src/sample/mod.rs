//! From logits to a token.
//!
//! [`Sampler`] applies a request's parameters to a row of logits and draws once. The draw is a
//! pure function of [`DrawKey`]: a seed gives the same ids alone, in any batch, and after a
//! preemption.

mod candidates;
mod counts;
mod key;
mod penalty;
mod philox;
mod row;
mod sampler;
mod select;

pub use counts::TokenCounts;
pub use key::DrawKey;
pub use sampler::Sampler;
