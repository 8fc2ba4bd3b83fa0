//! The kernels beside attention and sampling.

use crate::{Arguments, DevicePointer, Kernel, Launch, Number};

/// Looks tokens up in the embedding: the beginning of the residual stream.
#[derive(Debug, Clone, Copy)]
pub struct Embed {
    /// `[vocabulary, width]` of the kernel's number.
    pub table: DevicePointer,
    /// `[tokens]` of `i32`: an id, or −1 − `i` for the one that [outcome](crate::Outcome) `i`
    /// holds when the kernel runs: so a step can be launched before the one before is collected.
    /// What is no id becomes a row of zeros.
    pub tokens: DevicePointer,
    /// The [`Outcome`](crate::Outcome)s of the step before, or nothing where no token refers to
    /// them.
    pub outcomes: DevicePointer,
    /// `[tokens, width]` of `f32`.
    pub residual: DevicePointer,
    /// Rows of the table.
    pub vocabulary: u32,
    /// Width of the residual stream.
    pub width: u32,
}

impl Embed {
    /// For so many tokens.
    pub fn launch(&self, number: Number, tokens: u32) -> Launch {
        let pointers = [self.table, self.tokens, self.outcomes, self.residual];
        Launch {
            kernel: Kernel::Embed(number),
            grid: [tokens, 1, 1],
            threads: threads_for(self.width),
            arguments: Arguments::new(pointers)
                .integer(self.vocabulary)
                .integer(self.width),
        }
    }
}

/// Threads of a block that goes over a row: about four numbers each.
fn threads_for(width: u32) -> u32 {
    width.div_ceil(4).next_multiple_of(32).clamp(32, 1024)
}

/// Adds to the residual stream and norms it: `residual[t] += added[t]`, then
/// `out[i] = residual[t] / sqrt(mean(residual[t]²) + epsilon) · weight` with `t = tokens[i]`
/// (arXiv:1910.07467).
#[derive(Debug, Clone, Copy)]
pub struct RmsNorm {
    /// `[tokens, width]` of `f32`.
    pub residual: DevicePointer,
    /// `[tokens, width]` of `f32`, or nothing to be added.
    pub added: DevicePointer,
    /// `[width]` of `f32`.
    pub weight: DevicePointer,
    /// `[rows, width]` of the kernel's number.
    pub out: DevicePointer,
    /// `[rows]` of `i32`: which tokens, each at most once, a negative one for none; or nothing,
    /// for all tokens in their order.
    pub tokens: DevicePointer,
    /// Width of the residual stream.
    pub width: u32,
    /// Added to the mean square.
    pub epsilon: f32,
}

impl RmsNorm {
    /// For so many rows of `out`.
    pub fn launch(&self, number: Number, rows: u32) -> Launch {
        let pointers = [
            self.residual,
            self.added,
            self.weight,
            self.out,
            self.tokens,
        ];
        Launch {
            kernel: Kernel::RmsNorm(number),
            grid: [rows, 1, 1],
            threads: threads_for(self.width),
            arguments: Arguments::new(pointers)
                .integer(self.width)
                .float(self.epsilon),
        }
    }
}

/// The gate of the feed-forward, `out = gate · sigmoid(gate) · up` (arXiv:2002.05202).
#[derive(Debug, Clone, Copy)]
pub struct SwiGlu {
    /// `[tokens, 2 · width]` of `f32`: the gate's product, then the other.
    pub gate_up: DevicePointer,
    /// `[tokens, width]` of the kernel's number.
    pub out: DevicePointer,
    /// Inner width of the feed-forward.
    pub width: u32,
}

impl SwiGlu {
    /// For so many tokens.
    pub fn launch(&self, number: Number, tokens: u32) -> Launch {
        const THREADS: u32 = 256;
        let numbers = u64::from(tokens) * u64::from(self.width);
        let blocks = numbers.div_ceil(THREADS.into());
        Launch {
            kernel: Kernel::SwiGlu(number),
            grid: [u32::try_from(blocks).unwrap_or(u32::MAX), 1, 1],
            threads: THREADS,
            arguments: Arguments::new([self.gate_up, self.out])
                .integer(tokens)
                .integer(self.width),
        }
    }
}

/// Norms the heads of queries and keys where the model does (arXiv:2505.09388), rotates them
/// (arXiv:2104.09864), scales queries where they are, and writes keys and values into the cache.
///
/// A cosine or sine is the device's of an angle that is rounded to `f32`, as the models were
/// trained with.
#[derive(Debug, Clone, Copy)]
pub struct Rotary {
    /// `[tokens, heads + 2 · kv_heads, head_dim]` of `f32`: queries, keys, values.
    pub qkv: DevicePointer,
    /// `[tokens]` of `i32`: the position of each in its sequence.
    pub positions: DevicePointer,
    /// `[tokens]` of `i32`: where its key and value go, `block · block_size + offset`; negative
    /// for a token that only fills up a batch.
    pub slots: DevicePointer,
    /// `[pairs]` of `f32`: the angle of each pair from one position to the next.
    pub frequencies: DevicePointer,
    /// `[head_dim]` of `f32`: the weights of the queries' norm, or nothing.
    pub query_norm: DevicePointer,
    /// `[head_dim]` of `f32`: the weights of the keys' norm, or nothing.
    pub key_norm: DevicePointer,
    /// One layer's keys, `[blocks, kv_heads, block_size, head_dim]` of the kernel's number.
    pub keys: DevicePointer,
    /// One layer's values, likewise.
    pub values: DevicePointer,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub kv_heads: u32,
    /// Width of a head.
    pub head_dim: u32,
    /// Positions in a block.
    pub block_size: u32,
    /// Pairs of dimensions that are rotated; 0 in a layer without positions.
    pub pairs: u32,
    /// Which dimensions make a pair.
    pub pairing: Pairing,
    /// Multiplies what is rotated.
    pub magnitude: f32,
    /// Multiplies the queries after all.
    pub scale: f32,
    /// Added to the mean square of a head.
    pub epsilon: f32,
}

/// Which dimensions a rotation turns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// `i` with `i + pairs`.
    Halves,
    /// `2i` with `2i + 1`.
    Interleaved,
}

impl Rotary {
    /// For so many tokens.
    pub fn launch(&self, number: Number, tokens: u32) -> Launch {
        let pointers = [
            self.qkv,
            self.positions,
            self.slots,
            self.frequencies,
            self.query_norm,
            self.key_norm,
            self.keys,
            self.values,
        ];
        Launch {
            kernel: Kernel::Rotary(number),
            grid: [tokens, self.heads + 2 * self.kv_heads, 1],
            threads: self
                .head_dim
                .div_ceil(2)
                .next_multiple_of(32)
                .clamp(32, 1024),
            arguments: Arguments::new(pointers)
                .integer(self.heads)
                .integer(self.kv_heads)
                .integer(self.head_dim)
                .integer(self.block_size)
                .integer(self.pairs)
                .integer(u32::from(self.pairing == Pairing::Interleaved))
                .float(self.magnitude)
                .float(self.scale)
                .float(self.epsilon),
        }
    }
}
