//! Sampling: by its definitions, against a textbook reference, and in distribution.

mod against_reference;
mod draws;
mod dry;
mod parameters;
mod penalties;
mod reference;
mod scores;
mod states;
