//! What stands between the products of a layer, by whichever operators the device has.

use tch::{Kind, TchError, Tensor};

use super::fused::{self, Destination, HeadNorms};
use super::plain;
use super::rotary::Turns;

/// Whose operators compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    /// Our own, on the CPU.
    Fused,
    /// libtorch's, on any device.
    Plain,
}

impl Passes {
    /// Adds rows of `f32` or `bf16` to as many rows of `f32`, `[n, width]`.
    pub(super) fn add(self, to: &mut Tensor, from: &Tensor) -> Result<(), TchError> {
        match self {
            Self::Fused => fused::add(to, from),
            Self::Plain => to.f_add_(from).map(drop),
        }
    }

    /// Root-mean-square norm (arXiv:1910.07467) of rows of `f32`, `[n, width]`, as `kind`.
    pub(super) fn norm(
        self,
        x: &Tensor,
        weight: &Tensor,
        epsilon: f64,
        kind: Kind,
    ) -> Result<Tensor, TchError> {
        match self {
            Self::Fused => fused::norm(x, weight, epsilon, kind),
            Self::Plain => plain::norm(x, weight, epsilon)?.f_to_kind(kind),
        }
    }

    /// The gate of the feed-forward (arXiv:2002.05202), `silu(gate) * up`, of `[n, 2 * width]`,
    /// gates before the others.
    pub(super) fn gate(self, both: &Tensor, kind: Kind) -> Result<Tensor, TchError> {
        match self {
            Self::Fused => fused::gate(both, kind),
            Self::Plain => plain::gate(both)?.f_to_kind(kind),
        }
    }

    /// Norms, turns and places the heads of a step's tokens, queries, keys and values side by
    /// side. Gives the queries in the kind of the cache, `[n, heads, head_dim]`.
    pub(super) fn place(
        self,
        qkv: &Tensor,
        norms: HeadNorms<'_>,
        turns: Option<&Turns>,
        to: Destination<'_>,
    ) -> Result<Tensor, TchError> {
        match self {
            Self::Fused => fused::place(qkv, norms, turns, to),
            Self::Plain => plain::place(qkv, norms, turns, to),
        }
    }
}
