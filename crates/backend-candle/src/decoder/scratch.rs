//! The memory of one step.

use stream_checkpoint::Architecture;

use super::layer::Layer;
use crate::attention::Partial;
use crate::linear::{Forms, Input};
use crate::matrix::Matrix;
use crate::rotary::Rotation;

/// A row for each token of the step, in each of its stations.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The residual stream.
    pub(super) hidden: Matrix,
    /// The normed residual stream that a layer's halves begin with.
    pub(super) normed: Input,
    /// Queries, keys and values, side by side.
    pub(super) qkv: Matrix,
    /// Cosines and sines of each token's position.
    pub(super) turns: Matrix,
    /// What attention found.
    pub(super) attended: Matrix,
    pub(super) attended_input: Input,
    /// Gate and up, side by side.
    pub(super) gate_up: Matrix,
    pub(super) gated: Input,
    pub(super) partials: Vec<Partial>,
}

impl Scratch {
    /// For up to `tokens` tokens; `forms` finds what all layers ask of an input.
    pub(super) fn new(
        architecture: &Architecture,
        tokens: usize,
        forms: impl Fn(fn(&Layer) -> Forms) -> Forms,
    ) -> Self {
        let a = architecture;
        let (queries, keys) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        Self {
            hidden: Matrix::new(tokens, a.hidden),
            normed: Input::new(tokens, a.hidden, forms(Layer::normed_forms)),
            qkv: Matrix::new(tokens, queries + 2 * keys),
            turns: Rotation::new(&a.rotary).turns(tokens),
            attended: Matrix::new(tokens, queries),
            attended_input: Input::new(tokens, queries, forms(Layer::attended_forms)),
            gate_up: Matrix::new(tokens, 2 * a.feed_forward),
            gated: Input::new(tokens, a.feed_forward, forms(Layer::gated_forms)),
            partials: Vec::new(),
        }
    }
}
