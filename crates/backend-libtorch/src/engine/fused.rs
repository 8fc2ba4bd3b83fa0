//! What stands between the products of a layer, each as one pass over its numbers (`fused.cpp`), and
//! attention of single tokens (`attend.cpp`).
//! A row's result does not depend on the rows beside it.

use std::ffi::{c_char, c_void};
use std::ptr;

use tch::{Kind, TchError, Tensor};

use super::rotary::Turns;
use super::shim::{Raw, done, made};
use super::step::Spans;

unsafe extern "C" {
    fn se_add(to: *const Raw, from: *const Raw) -> *mut c_char;
    fn se_norm(
        x: *const Raw,
        weight: *const Raw,
        epsilon: f64,
        half: bool,
        out: *mut *mut Raw,
    ) -> *mut c_char;
    fn se_gate(both: *const Raw, half: bool, out: *mut *mut Raw) -> *mut c_char;
    fn se_place(
        qkv: *const Raw,
        weights: *const Raw,
        epsilon: f64,
        cosines: *const Raw,
        sines: *const Raw,
        slots: *const Raw,
        keys: *const Raw,
        values: *const Raw,
        queries: *mut *mut Raw,
    ) -> *mut c_char;
    fn se_attend(
        queries: *const Raw,
        keys: *const Raw,
        values: *const Raw,
        table: *const Raw,
        spans: *const Raw,
        block_size: i64,
        out: *mut *mut Raw,
    ) -> *mut c_char;
}

fn raw(tensor: &Tensor) -> *const Raw {
    tensor.as_ptr().cast::<c_void>()
}

fn raw_or_null(tensor: Option<&Tensor>) -> *const Raw {
    tensor.map_or(ptr::null(), raw)
}

/// Adds rows of `f32` or `bf16` to as many rows of `f32`, `[n, width]`.
pub(super) fn add(to: &mut Tensor, from: &Tensor) -> Result<(), TchError> {
    // SAFETY: both tensors live through the call, which gives no error or a message; nobody else
    // reads what it writes.
    unsafe { done(se_add(raw(to), raw(from))) }
}

/// Root-mean-square norm (arXiv:1910.07467) of rows of `f32`, `[n, width]`, as `f32` or `bf16`.
pub(super) fn norm(
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    kind: Kind,
) -> Result<Tensor, TchError> {
    let (mut out, half) = (ptr::null_mut(), kind == Kind::BFloat16);
    // SAFETY: the tensors live through the call, which writes a tensor of its own or gives an
    // error.
    unsafe {
        let error = se_norm(raw(x), raw(weight), epsilon, half, &raw mut out);
        made(error, out)
    }
}

/// The gate of the feed-forward (arXiv:2002.05202), `silu(gate) * up`, of `[n, 2 * width]`, gates
/// before the others.
pub(super) fn gate(both: &Tensor, kind: Kind) -> Result<Tensor, TchError> {
    let (mut out, half) = (ptr::null_mut(), kind == Kind::BFloat16);
    // SAFETY: as in `norm`.
    unsafe {
        let error = se_gate(raw(both), half, &raw mut out);
        made(error, out)
    }
}

/// Weights of the norms of each head of queries and keys, `[heads + kv_heads, head_dim]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadNorms<'a> {
    pub(super) weights: Option<&'a Tensor>,
    pub(super) epsilon: f64,
}

/// Where keys and values go: slots of one layer's cache, `[slots, kv_heads, head_dim]` each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) slots: &'a Tensor,
    pub(super) keys: &'a Tensor,
    pub(super) values: &'a Tensor,
}

/// Where keys and values are read, `[slots, kv_heads, head_dim]` each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) keys: &'a Tensor,
    pub(super) values: &'a Tensor,
}

/// Norms, turns and places the heads of a step's tokens, queries, keys and values side by side.
/// Gives the queries in the kind of the cache, `[n, heads, head_dim]`.
pub(super) fn place(
    qkv: &Tensor,
    norms: HeadNorms<'_>,
    turns: Option<&Turns>,
    to: Destination<'_>,
) -> Result<Tensor, TchError> {
    let mut queries = ptr::null_mut();
    // SAFETY: the tensors live through the call, which writes a tensor of its own or gives an
    // error. The slots are those of blocks that the batch's check has found to exist, so they lie
    // in the cache, and it is borrowed mutably by the caller.
    unsafe {
        let error = se_place(
            raw(qkv),
            raw_or_null(norms.weights),
            norms.epsilon,
            raw_or_null(turns.map(|turns| &turns.cosines)),
            raw_or_null(turns.map(|turns| &turns.sines)),
            raw(to.slots),
            raw(to.keys),
            raw(to.values),
            &raw mut queries,
        );
        made(error, queries)
    }
}

/// What the first queries of `[n, heads, head_dim]` find, one for each row of `singles`: `[rows,
/// heads * head_dim]` in the kind of the cache.
pub(super) fn attend(
    queries: &Tensor,
    cache: Source<'_>,
    singles: &Spans,
) -> Result<Tensor, TchError> {
    let mut out = ptr::null_mut();
    // SAFETY: the tensors live through the call, which writes a tensor of its own or gives an
    // error. There are at least as many queries as spans. A span lies in the table, and the table
    // has blocks that the batch's check has found to exist, so they lie in the cache.
    unsafe {
        let error = se_attend(
            raw(queries),
            raw(cache.keys),
            raw(cache.values),
            raw(&singles.table),
            raw(&singles.spans),
            singles.block_size,
            &raw mut out,
        );
        made(error, out)
    }
}
