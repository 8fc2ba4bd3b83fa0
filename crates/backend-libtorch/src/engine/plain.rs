//! What stands between the products of a layer, in libtorch's own operators, which every device
//! has. The numbers are those of `fused`, up to rounding.

use tch::{Kind, TchError, Tensor};

use super::cache::sizes;
use super::fused::{Destination, HeadNorms, Source};
use super::padded::Padded;
use super::rotary::Turns;

/// Root-mean-square norm of the last dimension, in `f32`.
pub(super) fn norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor, TchError> {
    let mean = x.f_square()?.f_mean_dim(&[-1_i64][..], true, Kind::Float)?;
    x.f_mul(&mean.f_add_scalar(epsilon)?.f_rsqrt()?)?
        .f_mul(weight)
}

/// `silu(gate) * up` in `f32`.
pub(super) fn gate(both: &Tensor) -> Result<Tensor, TchError> {
    let both = both.f_to_kind(Kind::Float)?;
    let width = both.size()[1] / 2;
    let (gate, up) = (both.f_narrow(1, 0, width)?, both.f_narrow(1, width, width)?);
    gate.f_silu()?.f_mul(&up)
}

/// Norms and turns queries and keys, writes keys and values where they stay, and gives the
/// queries in the kind of the cache, `[n, heads, head_dim]`.
pub(super) fn place(
    qkv: &Tensor,
    norms: HeadNorms<'_>,
    turns: Option<&Turns>,
    to: Destination<'_>,
) -> Result<Tensor, TchError> {
    let [_, kv_heads, dim] = sizes(to.keys);
    let (tokens, kind) = (qkv.size()[0], to.keys.kind());
    let all = qkv.f_reshape([tokens, -1, dim])?.f_to_kind(Kind::Float)?;
    let turned_heads = all.size()[1] - kv_heads;
    let values = all.f_narrow(1, turned_heads, kv_heads)?;
    let mut turned = all.f_narrow(1, 0, turned_heads)?;
    if let Some(weights) = norms.weights {
        turned = norm(&turned, weights, norms.epsilon)?;
    }
    if let Some(turns) = turns {
        turned = turn(&turned, turns)?;
    }
    let heads = turned_heads - kv_heads;
    let turned = turned.f_to_kind(kind)?;
    let keys = turned.f_narrow(1, heads, kv_heads)?;
    write(to.keys, to.slots, &keys)?;
    write(to.values, to.slots, &values.f_to_kind(kind)?)?;
    turned.f_narrow(1, 0, heads)
}

/// Writes rows into slots of a cache, in place.
fn write(cache: &Tensor, slots: &Tensor, rows: &Tensor) -> Result<(), TchError> {
    let mut cache = cache.shallow_clone();
    cache.f_index_copy_(0, slots, rows).map(drop)
}

/// Turns the first dimensions of every head; those after them stay.
fn turn(heads: &Tensor, turns: &Turns) -> Result<Tensor, TchError> {
    let (dim, turning) = (heads.size()[2], turns.cosines.size()[2]);
    let half = turning / 2;
    let (first, second) = (heads.f_narrow(2, 0, half)?, heads.f_narrow(2, half, half)?);
    let partners = Tensor::f_cat(&[second, first], 2)?;
    let turned = heads.f_narrow(2, 0, turning)?.f_mul(&turns.cosines)?;
    let turned = turned.f_add(&partners.f_mul(&turns.sines)?)?;
    match dim - turning {
        0 => Ok(turned),
        rest => Tensor::f_cat(&[turned, heads.f_narrow(2, turning, rest)?], 2),
    }
}

/// What the first queries of `[n, heads, head_dim]` find, one for each row of `padded`: `[rows,
/// heads * head_dim]`. Query heads that share a key-value head stand where that operator wants
/// more positions, so that keys and values are never repeated.
pub(super) fn attend(
    queries: &Tensor,
    cache: Source<'_>,
    padded: &Padded,
) -> Result<Tensor, TchError> {
    let [_, heads, dim] = sizes(queries);
    let [_, kv_heads, _] = sizes(cache.keys);
    let rows = padded.rows;
    let queries = queries.f_narrow(0, 0, rows)?;
    let queries = queries.f_reshape([rows, kv_heads, heads / kv_heads, dim])?;
    let gather = |all: &Tensor| {
        let slots = all.f_index_select(0, &padded.slots)?;
        slots.f_view([rows, -1, kv_heads, dim])?.f_transpose(1, 2)
    };
    let (keys, values) = (gather(cache.keys)?, gather(cache.values)?);
    let found = scaled_dot_product(&queries, &keys, &values, Some(&padded.mask))?;
    found.f_reshape([rows, heads * dim])
}

/// All of them `[batch, heads, positions, head_dim]`; causal, where there is no mask.
pub(super) fn scaled_dot_product(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
) -> Result<Tensor, TchError> {
    let causal = mask.is_none();
    Tensor::f_scaled_dot_product_attention(queries, keys, values, mask, 0.0, causal, None, false)
}
