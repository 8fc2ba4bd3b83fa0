//! Attention, in decoding and in prefill.

use super::Finding;
use super::numbers::{Noise, digest, error, floats, from_bytes, integers, rounded, to_bytes};
use crate::reference::{self, Cache, Sequence};
use crate::{Attention, Device, DevicePointer, Heads, Kernel, Number};

/// Rounding in `f32` over some hundred positions, as a part of the largest number.
const SLACK: f64 = 4e-6;

/// A batch of tokens over sequences of different lengths.
struct Case {
    name: &'static str,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    /// Of each sequence: positions in the cache, and how many of the last ones are tokens of the
    /// step.
    rows: &'static [(usize, usize)],
    block_size: usize,
    chunk: usize,
    window: Option<usize>,
    /// A row whose last value is a NaN: only the tokens that see it are to be NaN.
    poisoned: Option<usize>,
}

const CASES: [Case; 6] = [
    Case {
        name: "decode, one chunk",
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        rows: &[(1, 1), (33, 1), (100, 1)],
        block_size: 16,
        chunk: 128,
        window: None,
        poisoned: None,
    },
    Case {
        name: "decode, several chunks",
        heads: 8,
        kv_heads: 2,
        head_dim: 32,
        rows: &[(64, 1), (65, 1), (200, 1), (7, 1)],
        block_size: 8,
        chunk: 64,
        window: None,
        poisoned: None,
    },
    Case {
        name: "prefill and decode",
        heads: 4,
        kv_heads: 1,
        head_dim: 64,
        rows: &[(1, 1), (40, 40), (90, 13), (70, 1)],
        block_size: 16,
        chunk: 32,
        window: None,
        poisoned: Some(2),
    },
    Case {
        name: "a window",
        heads: 2,
        kv_heads: 2,
        head_dim: 96,
        rows: &[(50, 50), (130, 1), (10, 1)],
        block_size: 16,
        chunk: 32,
        window: Some(20),
        poisoned: None,
    },
    Case {
        name: "heads of 128",
        heads: 4,
        kv_heads: 2,
        head_dim: 128,
        rows: &[(20, 6), (61, 1)],
        block_size: 32,
        chunk: 64,
        window: None,
        poisoned: None,
    },
    Case {
        name: "heads of 256",
        heads: 3,
        kv_heads: 1,
        head_dim: 256,
        rows: &[(9, 9), (44, 1)],
        block_size: 4,
        chunk: 32,
        window: None,
        poisoned: None,
    },
];

pub(super) fn all<D: Device>(device: &D) -> Result<Vec<Finding>, D::Error> {
    let mut findings = Vec::new();
    for case in &CASES {
        for number in Number::ALL {
            // No check knows an arrangement that is not supported.
            let heads = Heads::new(case.heads, case.kv_heads, case.head_dim).ok();
            if let Some(heads) = heads {
                findings.extend(case.check(device, number, heads)?);
            }
        }
    }
    Ok(findings)
}

/// A case's input.
struct Input {
    cache: Cache,
    tables: Vec<Vec<u32>>,
    /// Of each token: its row, and its position.
    tokens: Vec<(usize, usize)>,
    queries: Vec<f32>,
    query_stride: usize,
}

impl Case {
    /// The tokens in runs as long as may be, and each by itself, which must be the same bits.
    fn check<D: Device>(
        &self,
        device: &D,
        number: Number,
        heads: Heads,
    ) -> Result<Vec<Finding>, D::Error> {
        let input = self.input(number);
        let wanted = self.wanted(&input);
        let mut first = None;
        let mut findings = Vec::new();
        for most in [heads.run_tokens(), 1] {
            let (kernels, bytes) = self.run(device, number, heads, &input, most)?;
            let worst = error(number, &from_bytes(number, &bytes), &wanted, SLACK);
            let digest = digest(&bytes);
            let same = *first.get_or_insert(digest) == digest;
            findings.extend(kernels.into_iter().map(|kernel| Finding {
                kernel,
                case: format!("{}, runs of {most}", self.name),
                error: if same { worst } else { f64::INFINITY },
                digest,
            }));
        }
        Ok(findings)
    }

    fn input(&self, number: Number) -> Input {
        let mut noise = Noise::new(u64::from(self.head_dim));
        let kv = (self.kv_heads * self.head_dim) as usize;
        let sizes = self
            .rows
            .iter()
            .map(|(end, _)| end.div_ceil(self.block_size));
        let mut free: Vec<u32> = (0..sizes.clone().sum::<usize>() as u32 + 2).collect();
        let mut take = || free.swap_remove(noise.below(free.len()));
        let tables: Vec<Vec<u32>> = sizes
            .map(|size| (0..size).map(|_| take()).collect())
            .collect();
        let blocks = tables.iter().map(Vec::len).sum::<usize>() + 2;
        // What no token sees is a NaN.
        let empty = vec![f32::NAN; blocks * self.block_size * kv];
        let mut cache = Cache {
            keys: empty.clone(),
            values: empty,
            kv_heads: self.kv_heads as usize,
            block_size: self.block_size,
            head_dim: self.head_dim as usize,
        };
        let mut number_of = |size| rounded(number, noise.number(size));
        for (row, (table, &(end, count))) in tables.iter().zip(self.rows).enumerate() {
            let first = (end - count + 1).saturating_sub(self.window.unwrap_or(end));
            for position in first..end {
                let bad = self.poisoned == Some(row) && position + 1 == end;
                for head in 0..self.kv_heads as usize {
                    let place = cache.place(table, position, head);
                    for i in place..place + cache.head_dim {
                        cache.keys[i] = number_of(1.0);
                        cache.values[i] = if bad { f32::NAN } else { number_of(2.0) };
                    }
                }
            }
        }
        let of_row = |(row, &(end, count)): (usize, &(usize, usize))| {
            (end - count..end).map(move |position| (row, position))
        };
        let tokens: Vec<_> = self.rows.iter().enumerate().flat_map(of_row).collect();
        let query_stride = (self.heads * self.head_dim) as usize + 2 * kv;
        let queries = noise.numbers(tokens.len() * query_stride, 1.0);
        Input {
            cache,
            tables,
            tokens,
            queries,
            query_stride,
        }
    }

    fn wanted(&self, input: &Input) -> Vec<f64> {
        let dim = self.head_dim as usize;
        let group = self.heads / self.kv_heads;
        let mut wanted = Vec::new();
        for (token, &(row, position)) in input.tokens.iter().enumerate() {
            let sequence = Sequence {
                blocks: &input.tables[row],
                position,
                window: self.window,
            };
            for head in 0..self.heads {
                let query = token * input.query_stride + head as usize * dim;
                let query = &input.queries[query..][..dim];
                let kv_head = (head / group) as usize;
                wanted.extend(reference::attention(&input.cache, kv_head, sequence, query));
            }
        }
        wanted
    }

    /// Runs with up to `most` tokens, and one run and one token more that only fill up.
    fn run<D: Device>(
        &self,
        device: &D,
        number: Number,
        heads: Heads,
        input: &Input,
        most: u32,
    ) -> Result<(Vec<Kernel>, Vec<u8>), D::Error> {
        let count = input.tokens.len();
        let width = (self.heads * self.head_dim) as usize;
        let longest = self.rows.iter().map(|(end, _)| *end).max().unwrap_or(1);
        let chunks = longest.div_ceil(self.chunk) as u32;
        let (runs, table, table_width) = self.tables(input, most);
        let positions = input.tokens.iter().map(|&(_, position)| position as i32);
        let positions: Vec<_> = positions.chain([-1]).collect();

        let queries = floats(device, &input.queries)?;
        let keys = device.upload(&to_bytes(number, &input.cache.keys))?;
        let values = device.upload(&to_bytes(number, &input.cache.values))?;
        let (tables, positions) = (integers(device, &table)?, integers(device, &positions)?);
        let on_device = integers(device, &runs)?;
        let out = device.upload(&to_bytes(number, &vec![f32::NAN; count * width]))?;
        let partials = floats(device, &vec![f32::NAN; count * heads.partials(chunks)])?;
        let attention = Attention {
            queries: device.pointer(&queries),
            keys: device.pointer(&keys),
            values: device.pointer(&values),
            tables: device.pointer(&tables),
            positions: device.pointer(&positions),
            runs: device.pointer(&on_device),
            out: device.pointer(&out),
            partials: match chunks {
                1 => DevicePointer::NULL,
                _ => device.pointer(&partials),
            },
            heads,
            query_stride: input.query_stride as u32,
            table_width,
            block_size: self.block_size as u32,
            chunk: self.chunk as u32,
            chunks,
            window: self.window.map(|window| window as u32),
        };
        let mut launches = vec![attention.launch(number, runs.len() as u32 / 3, most)];
        if chunks > 1 {
            launches.push(attention.combine(number, count as u32 + 1));
        }
        for launch in &launches {
            // SAFETY: memory and shapes are those above.
            unsafe { device.run(launch) }?;
        }
        let kernels = launches.iter().map(|launch| launch.kernel).collect();
        Ok((kernels, device.download(&out)?))
    }

    /// Runs with one of none behind, and padded tables with their width.
    fn tables(&self, input: &Input, most: u32) -> (Vec<i32>, Vec<i32>, u32) {
        let (mut runs, mut first) = (Vec::new(), 0);
        for (row, &(_, tokens)) in self.rows.iter().enumerate() {
            for skipped in (0..tokens).step_by(most as usize) {
                let count = (most as usize).min(tokens - skipped) as i32;
                runs.extend([first, count, row as i32]);
                first += count;
            }
        }
        runs.extend([0, 0, 0]);
        let width = input.tables.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |table: &Vec<u32>| {
            let blocks = table.iter().map(|&block| block as i32);
            blocks
                .chain(std::iter::repeat(-1))
                .take(width)
                .collect::<Vec<_>>()
        };
        (
            runs,
            input.tables.iter().flat_map(padded).collect(),
            width as u32,
        )
    }
}
