//! Causal attention of a step's tokens over the paged cache.
//!
//! The slots that a group of tokens sees are gathered, and libtorch's flash attention for the CPU
//! (arXiv:2205.14135) goes over them. Query heads that share a key-value head stand where that
//! operator wants more queries or more sequences, so that keys and values are never repeated.

use tch::{TchError, Tensor};

use super::cache::{Gathered, KvLayer, sizes};
use super::step::{Group, Mask, View};

/// What each token finds, `[tokens, heads * head_dim]`, for queries of `[tokens, heads,
/// head_dim]`, all of them in the kind of the cache.
pub(super) fn attend(queries: &Tensor, cache: &KvLayer, view: &View) -> Result<Tensor, TchError> {
    let mut found = Vec::with_capacity(view.groups.len());
    for group in &view.groups {
        let tokens = (group.rows * group.tokens) as i64;
        let queries = queries.f_narrow(0, group.first as i64, tokens)?;
        let gathered = cache.read(&group.slots, group.rows as i64)?;
        found.push(match group.tokens {
            1 => singles(&queries, &gathered, group)?,
            _ => several(&queries, &gathered, group)?,
        });
    }
    match &found[..] {
        [only] => Ok(only.shallow_clone()),
        all => Tensor::f_cat(all, 0),
    }
}

/// One token of each of several sequences: the heads of a group are its queries.
fn singles(queries: &Tensor, gathered: &Gathered, group: &Group) -> Result<Tensor, TchError> {
    let [rows, heads, dim] = sizes(queries);
    let [_, kv_heads, _, _] = sizes(&gathered.keys);
    let queries = queries.f_reshape([rows, kv_heads, heads / kv_heads, dim])?;
    let out = flash(&queries, &gathered.keys, &gathered.values, &group.mask)?;
    out.f_reshape([rows, heads * dim])
}

/// Several tokens of one sequence: the heads of a group are as many sequences.
fn several(queries: &Tensor, gathered: &Gathered, group: &Group) -> Result<Tensor, TchError> {
    let [tokens, heads, dim] = sizes(queries);
    let [_, kv_heads, length, _] = sizes(&gathered.keys);
    let shared = heads / kv_heads;
    let queries = queries.f_reshape([tokens, kv_heads, shared, dim])?;
    let queries = queries.f_permute([2, 1, 0, 3])?;
    let repeat = |all: &Tensor| all.f_expand([shared, kv_heads, length, dim], false);
    let (keys, values) = (repeat(&gathered.keys)?, repeat(&gathered.values)?);
    let out = flash(&queries, &keys, &values, &group.mask)?;
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
        Mask::None => (false, None),
        Mask::Causal => (true, None),
        Mask::Added(mask) => (false, Some(mask)),
    };
    let (out, _) = Tensor::f_internal_scaled_dot_product_flash_attention_for_cpu(
        queries, keys, values, 0.0, causal, mask, None,
    )?;
    Ok(out)
}
