//! Attention over one span of positions.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use std::ops::Range;

use stream_runtime::BlockId;

use super::Heads;
use crate::functions::exp;
use crate::kv::{KvHead, KvTile};
use crate::simd::{InstructionSet, Kernel, LANES, Lanes, Number, Simd, sum};

/// Positions in a span.
pub(crate) const SPAN: usize = 128;
/// Tiles of 16 positions in a span.
const TILES: usize = SPAN / LANES;
/// Query heads that are computed together.
const MOST_HEADS: usize = 4;

/// The softmax over some positions, not yet divided by its sum, for each query head of a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partial {
    /// Each head's largest score.
    largest: Vec<f32>,
    /// Each head's sum of `exp(score - largest)`.
    sums: Vec<f32>,
    /// Each head's sum of `exp(score - largest) * value`, head after head.
    values: Vec<f32>,
}

impl Partial {
    /// Attends to `positions`, which all lie in one span.
    pub(super) fn attend<N: Number>(
        &mut self,
        set: InstructionSet,
        heads: Heads,
        cache: KvHead<'_, N>,
        blocks: &[BlockId],
        positions: Range<usize>,
        queries: &[f32],
    ) {
        self.largest.resize(heads.group, 0.0);
        self.sums.resize(heads.group, 0.0);
        self.values.resize(heads.group * heads.head_dim, 0.0);
        let begin = positions.start / LANES * LANES;
        let visible = positions.start - begin..positions.end - begin;
        let tiles = visible.end.div_ceil(LANES);
        let first = cache.tile(begin, blocks);
        let tile = |i| {
            if i < tiles {
                cache.tile(begin + i * LANES, blocks)
            } else {
                first
            }
        };
        set.run(Span {
            partial: self,
            heads,
            tiles: std::array::from_fn(tile),
            visible,
            queries,
        });
    }

    /// Adds later positions.
    pub(super) fn fold(&mut self, later: &Self) {
        let dim = self.values.len() / self.sums.len();
        for head in 0..self.sums.len() {
            let largest = if later.largest[head] > self.largest[head] {
                later.largest[head]
            } else {
                self.largest[head]
            };
            let (mine, theirs) = (
                exp(self.largest[head] - largest),
                exp(later.largest[head] - largest),
            );
            self.largest[head] = largest;
            self.sums[head] = self.sums[head] * mine + later.sums[head] * theirs;
            let values = &mut self.values[head * dim..][..dim];
            for (value, later) in values.iter_mut().zip(&later.values[head * dim..]) {
                *value = *value * mine + later * theirs;
            }
        }
    }

    /// Divides by the sum.
    pub(super) fn finish(&self, out: &mut [f32]) {
        let dim = self.values.len() / self.sums.len();
        let heads = out
            .chunks_mut(dim)
            .zip(self.values.chunks(dim))
            .zip(&self.sums);
        for ((out, values), sum) in heads {
            let factor = 1.0 / sum;
            out.iter_mut()
                .zip(values)
                .for_each(|(out, value)| *out = value * factor);
        }
    }
}

struct Span<'a, N> {
    partial: &'a mut Partial,
    heads: Heads,
    /// The span's tiles from the first that is seen; after the last one the first again.
    tiles: [KvTile<'a, N>; TILES],
    /// Which of the tiles' positions are seen; it begins in the first tile.
    visible: Range<usize>,
    queries: &'a [f32],
}

impl<N: Number> Kernel for Span<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let mut head = 0;
        while head < self.heads.group {
            let count = MOST_HEADS.min(self.heads.group - head);
            match count {
                1 => self.together::<S, 1>(simd, head),
                2 => self.together::<S, 2>(simd, head),
                3 => self.together::<S, 3>(simd, head),
                _ => self.together::<S, MOST_HEADS>(simd, head),
            }
            head += count;
        }
    }
}

/// A number for each position of the span, in lanes.
type Scores = [Lanes<f32>; TILES];

impl<N: Number> Span<'_, N> {
    /// `H` heads from `first` on, so that each key and value is widened once for all of them.
    #[inline(always)]
    fn together<S: Simd, const H: usize>(&mut self, simd: S, first: usize) {
        let mut scores = [[[0.0; LANES]; TILES]; H];
        self.scores(simd, first, &mut scores);
        for (head, scores) in scores.iter_mut().enumerate() {
            let (largest, sum) = soften(scores, self.visible.clone());
            self.partial.largest[first + head] = largest;
            self.partial.sums[first + head] = sum;
        }
        self.values(simd, first, &scores);
    }

    /// The products of `H` queries with every key, and with whatever else lies in the tiles.
    #[inline(always)]
    fn scores<S: Simd, const H: usize>(&self, simd: S, first: usize, scores: &mut [Scores; H]) {
        let dim = self.heads.head_dim;
        let queries: [_; H] = std::array::from_fn(|h| &self.queries[(first + h) * dim..][..dim]);
        let pairs = self.visible.end.div_ceil(2 * LANES);
        for (pair, tiles) in self.tiles.as_chunks::<2>().0.iter().take(pairs).enumerate() {
            for tile in tiles {
                fetch(simd, tile.values);
            }
            for tile in self.tiles.iter().skip(2 * pair + 4).take(2) {
                fetch(simd, tile.keys);
            }
            let keys = tiles.map(|tile| &tile.keys[..dim]);
            let mut sums = [[simd.splat(0.0); 2]; H];
            for d in 0..dim {
                let keys = keys.map(|keys| N::load(simd, &keys[d]));
                for h in 0..H {
                    let query = simd.splat(queries[h][d]);
                    for t in 0..2 {
                        sums[h][t] = simd.mul_add(keys[t], query, sums[h][t]);
                    }
                }
            }
            for h in 0..H {
                for t in 0..2 {
                    simd.store(sums[h][t], &mut scores[h][2 * pair + t]);
                }
            }
        }
    }

    /// The sums of the values, weighted with `H` heads' scores.
    #[inline(always)]
    fn values<S: Simd, const H: usize>(&mut self, simd: S, first: usize, scores: &[Scores; H]) {
        let vectors = self.heads.head_dim.div_ceil(LANES);
        let mut vector = 0;
        while vector + 4 <= vectors {
            self.some_values::<S, H, 4>(simd, first, scores, vector);
            vector += 4;
        }
        while vector < vectors {
            self.some_values::<S, H, 1>(simd, first, scores, vector);
            vector += 1;
        }
    }

    /// `V` vectors of dimensions.
    #[inline(always)]
    fn some_values<S: Simd, const H: usize, const V: usize>(
        &mut self,
        simd: S,
        first: usize,
        scores: &[Scores; H],
        vector: usize,
    ) {
        let vectors = self.heads.head_dim.div_ceil(LANES);
        let mut sums = [[simd.splat(0.0); V]; H];
        for (t, tile) in self.tiles.iter().enumerate() {
            let rows = tile.values.chunks_exact(vectors).enumerate();
            let unseen = if t == 0 { self.visible.start } else { 0 };
            let end = LANES.min(self.visible.end.saturating_sub(t * LANES));
            for (i, row) in rows.take(end).skip(unseen) {
                let row: [_; V] = std::array::from_fn(|v| N::load(simd, &row[vector + v]));
                for h in 0..H {
                    let weight = simd.splat(scores[h][t][i]);
                    for v in 0..V {
                        sums[h][v] = simd.mul_add(row[v], weight, sums[h][v]);
                    }
                }
            }
        }
        for h in 0..H {
            for v in 0..V {
                self.put(simd, first + h, vector + v, sums[h][v]);
            }
        }
    }

    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, head: usize, vector: usize, sum: S::F) {
        let mut lanes = [0.0; LANES];
        simd.store(sum, &mut lanes);
        let dim = self.heads.head_dim;
        let out = &mut self.partial.values[head * dim..][..dim];
        out.iter_mut()
            .skip(vector * LANES)
            .zip(lanes)
            .for_each(|(out, sum)| *out = sum);
    }
}

/// Turns the visible scores into `exp(score - largest)` and the rest into zeros; gives the
/// largest score and the sum.
#[inline(always)]
fn soften(scores: &mut Scores, visible: Range<usize>) -> (f32, f32) {
    let scores = scores.as_flattened_mut();
    hide(scores, &visible, f32::NEG_INFINITY);
    let largest = largest(scores);
    scores[visible.clone()]
        .iter_mut()
        .for_each(|score| *score = exp(*score - largest));
    hide(scores, &visible, 0.0);
    let mut sums = [0.0; LANES];
    for scores in scores.as_chunks::<LANES>().0 {
        for i in 0..LANES {
            sums[i] += scores[i];
        }
    }
    (largest, sum(sums))
}

#[inline(always)]
fn hide(scores: &mut [f32], visible: &Range<usize>, by: f32) {
    scores[..visible.start].fill(by);
    scores[visible.end..].fill(by);
}

/// The largest of some scores; NaN is passed over.
#[inline(always)]
fn largest(scores: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for scores in scores.as_chunks::<LANES>().0 {
        for i in 0..LANES {
            lanes[i] = if scores[i] > lanes[i] {
                scores[i]
            } else {
                lanes[i]
            };
        }
    }
    lanes
        .into_iter()
        .fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

#[inline(always)]
fn fetch<N>(simd: impl Simd, numbers: &[N]) {
    simd.prefetch(numbers.as_ptr().cast(), size_of_val(numbers));
}
