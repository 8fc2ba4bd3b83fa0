//! Attention over the paged cache.

use crate::{Arguments, DevicePointer, Kernel, Launch, Number};

/// How a model's heads are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
}

/// The kernels are not made for such heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedHeads {
    /// No kernel has this width.
    #[error("heads of {found} numbers, attention on the GPU is made for 32, 64, 96, 128 and 256")]
    Width {
        /// Numbers in a head.
        found: u32,
    },
    /// A block has no room for all queries of a key-value head.
    #[error("{found} query heads share a key-value head, attention on the GPU has room for {most}")]
    Group {
        /// Query heads of a key-value head.
        found: u32,
        /// The most for this width.
        most: u32,
    },
    /// Query heads are not shared out evenly.
    #[error("{heads} query heads cannot be shared out among {kv_heads} key-value heads")]
    Uneven {
        /// Query heads.
        heads: u32,
        /// Key and value heads.
        kv_heads: u32,
    },
}

/// Queries of a run that the kernel for few takes.
const FEW: u32 = 8;

impl Heads {
    /// Widths that there are kernels for.
    pub const WIDTHS: [u32; 5] = [32, 64, 96, 128, 256];

    /// An arrangement that the kernels can compute.
    ///
    /// # Errors
    /// If they cannot.
    pub fn new(heads: u32, kv_heads: u32, head_dim: u32) -> Result<Self, UnsupportedHeads> {
        if !Self::WIDTHS.contains(&head_dim) {
            return Err(UnsupportedHeads::Width { found: head_dim });
        }
        if kv_heads == 0 || heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(UnsupportedHeads::Uneven { heads, kv_heads });
        }
        let (found, most) = (heads / kv_heads, many(head_dim));
        if found > most {
            return Err(UnsupportedHeads::Group { found, most });
        }
        Ok(Self {
            heads,
            kv_heads,
            head_dim,
        })
    }

    /// The most tokens in a run: so many that a block has room for all their queries.
    pub fn run_tokens(&self) -> u32 {
        many(self.head_dim) / self.group()
    }

    /// Numbers of `f32` that the partial results of a token need.
    pub fn partials(&self, chunks: u32) -> usize {
        self.heads as usize * chunks as usize * (self.head_dim as usize + 2)
    }

    fn group(&self) -> u32 {
        self.heads / self.kv_heads
    }
}

/// Queries of a run that the kernel for many takes.
fn many(head_dim: u32) -> u32 {
    if head_dim > 128 { 12 } else { 32 }
}

/// Attention of the tokens of a step over the blocks of their sequences: decoding rows have runs
/// of one token, prefill of up to [`Heads::run_tokens`].
///
/// Positions are cut into chunks, which are computed apart and put together in their order. A
/// token's result depends on neither batch nor runs, bit for bit. What lies in the cache at
/// positions that a token does not see has no influence, a NaN neither.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// `[tokens, query_stride]` of `f32`: a token's heads, rotated and scaled.
    pub queries: DevicePointer,
    /// One layer's keys, `[blocks, kv_heads, block_size, head_dim]` of the kernel's number.
    pub keys: DevicePointer,
    /// One layer's values, likewise.
    pub values: DevicePointer,
    /// `[rows, table_width]` of `i32`: the blocks of each sequence.
    pub tables: DevicePointer,
    /// `[tokens]` of `i32`: the position of each in its sequence; negative for a token that only
    /// fills up a batch.
    pub positions: DevicePointer,
    /// `[runs, 3]` of `i32`: first token, count, row in `tables`. The tokens of a run are
    /// neighbours in one sequence; a run of none fills up a batch.
    pub runs: DevicePointer,
    /// `[tokens, heads, head_dim]` of the kernel's number.
    pub out: DevicePointer,
    /// `[tokens, heads, chunks, head_dim + 2]` of `f32`, where there is more than one chunk.
    pub partials: DevicePointer,
    /// How the heads are arranged.
    pub heads: Heads,
    /// Numbers from one token's queries to the next's.
    pub query_stride: u32,
    /// Blocks from one sequence's table to the next's.
    pub table_width: u32,
    /// Positions in a block.
    pub block_size: u32,
    /// Positions in a chunk, a multiple of 32.
    pub chunk: u32,
    /// Chunks of the longest sequence that there may be.
    pub chunks: u32,
    /// Positions that a token sees, itself among them; `None` for all before it.
    pub window: Option<u32>,
}

impl Attention {
    /// For so many runs of up to so many tokens.
    pub fn launch(&self, number: Number, runs: u32, most_tokens: u32) -> Launch {
        let head_dim = self.heads.head_dim;
        let kernel = Kernel::Attention {
            number,
            head_dim,
            many: most_tokens * self.heads.group() > FEW,
        };
        Launch {
            kernel,
            grid: [runs, self.heads.kv_heads, self.chunks],
            threads: if head_dim > 64 {
                head_dim
            } else {
                2 * head_dim
            },
            arguments: self.arguments(),
        }
    }

    /// Puts the chunks of so many tokens together, after [`launch`](Self::launch). Where there is
    /// only one, it is not needed.
    pub fn combine(&self, number: Number, tokens: u32) -> Launch {
        Launch {
            kernel: Kernel::Combine(number),
            grid: [tokens, self.heads.heads, 1],
            threads: self.heads.head_dim,
            arguments: self.arguments(),
        }
    }

    fn arguments(&self) -> Arguments {
        let pointers = [
            self.queries,
            self.keys,
            self.values,
            self.tables,
            self.positions,
            self.runs,
            self.out,
            self.partials,
        ];
        Arguments::new(pointers)
            .integer(self.query_stride)
            .integer(self.table_width)
            .integer(self.block_size)
            .integer(self.heads.heads)
            .integer(self.heads.kv_heads)
            .integer(self.chunk)
            .integer(self.chunks)
            .integer(self.window.unwrap_or(0))
    }
}
