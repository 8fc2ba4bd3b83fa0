//! Causal attention of a step's tokens over the paged cache.
//!
//! Tokens that are the only one of their row go over the cache where it lies. For several tokens of
//! one sequence the slots that they see are gathered, and libtorch's flash attention for the CPU
//! (arXiv:2205.14135) goes over them. Query heads that share a key-value head stand where that
//! operator wants more sequences, so that keys and values are never repeated.

use tch::{TchError, Tensor};

use super::cache::{Gathered, KvLayer, sizes};
use super::fused;
use super::operators::Passes;
use super::plain;
use super::step::{Mask, Several, Singles, View};

/// What each token finds, `[tokens, heads * head_dim]`, for queries of `[tokens, heads,
/// head_dim]`, all of them in the kind of the cache.
pub(super) fn attend(
    passes: Passes,
    queries: &Tensor,
    cache: &KvLayer,
    view: &View,
) -> Result<Tensor, TchError> {
    let mut found = Vec::with_capacity(view.several.len() + 1);
    match &view.singles {
        Some(Singles::Spans(spans)) => found.push(fused::attend(queries, cache.source(), spans)?),
        Some(Singles::Padded(padded)) => {
            found.push(plain::attend(queries, cache.source(), padded)?);
        }
        None => {}
    }
    for row in &view.several {
        let queries = queries.f_narrow(0, row.first as i64, row.tokens as i64)?;
        found.push(several(passes, &queries, &cache.gather(&row.slots)?, row)?);
    }
    match &found[..] {
        [only] => Ok(only.shallow_clone()),
        all => Tensor::f_cat(all, 0),
    }
}

/// Several tokens of one sequence: the heads of a group are as many sequences.
fn several(
    passes: Passes,
    queries: &Tensor,
    gathered: &Gathered,
    row: &Several,
) -> Result<Tensor, TchError> {
    let [tokens, heads, dim] = sizes(queries);
    let [_, kv_heads, length, _] = sizes(&gathered.keys);
    let shared = heads / kv_heads;
    let queries = queries.f_reshape([tokens, kv_heads, shared, dim])?;
    let queries = queries.f_permute([2, 1, 0, 3])?;
    let repeat = |all: &Tensor| all.f_expand([shared, kv_heads, length, dim], false);
    let (keys, values) = (repeat(&gathered.keys)?, repeat(&gathered.values)?);
    let out = match (passes, &row.mask) {
        (Passes::Fused, mask) => flash(&queries, &keys, &values, mask)?,
        (Passes::Plain, Mask::Causal) => plain::scaled_dot_product(&queries, &keys, &values, None)?,
        (Passes::Plain, Mask::Added(mask)) => {
            plain::scaled_dot_product(&queries, &keys, &values, Some(mask))?
        }
    };
    out.f_permute([2, 1, 0, 3])?
        .f_reshape([tokens, heads * dim])
}

/// All of them `[batch, heads, positions, head_dim]`.
fn flash(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: &Mask,
) -> Result<Tensor, TchError> {
    let (causal, mask) = match mask {
        Mask::Causal => (true, None),
        Mask::Added(mask) => (false, Some(mask)),
    };
    let (out, _) = Tensor::f_internal_scaled_dot_product_flash_attention_for_cpu(
        queries, keys, values, 0.0, causal, mask, None,
    )?;
    Ok(out)
}
