//! Speculative decoding by prompt lookup: guesses at what a sequence will say next, from what it
//! holds already.
//!
//! An answer often repeats its prompt or itself: a text that is edited, a name, a list. Where the
//! last tokens of a sequence have stood before, the tokens that followed them then are a draft of
//! those that follow now. The model takes the newest token and the draft in one row, and chooses
//! at each position; the choices up to the first that the draft did not foresee are what it would
//! have chosen one by one. Because a draw depends on its position and not on the step that it is
//! made in, that holds for sampling as it does for greedy decoding.
//!
//! Saxena, "Prompt Lookup Decoding" (2023); Leviathan, Kalman and Matias, "Fast Inference from
//! Transformers via Speculative Decoding" (2023), for what a draft is worth.

mod index;
mod pace;
mod worth;

pub(crate) use index::NgramIndex;
pub(crate) use pace::Pace;
pub(crate) use worth::Worth;
