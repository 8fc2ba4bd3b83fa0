//! Attention of one token over its sequence, span by span.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are named by their number"
)]

use std::ops::Range;

use stream_runtime::BlockId;

use super::LANES;
use super::cache::{KvHead, Tile};
use crate::functions::exp;
use crate::simd::{InstructionSet, Kernel, MultiplyAdd};

/// Positions in a span.
const SPAN: usize = 128;
/// Tiles of 16 positions in a span.
const TILES: usize = SPAN / LANES;
/// Query heads that are computed together.
const MOST_HEADS: usize = 4;
/// Vectors of values that are.
const MOST_VECTORS: usize = 4;

/// A number for each position of a span.
type Scores = [[f32; LANES]; TILES];

/// The softmax over the positions so far, not yet divided by its sum, for the query heads that
/// share a key-value head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accumulator {
    heads: usize,
    /// Each head's largest score.
    largest: Vec<f32>,
    /// Each head's sum of `exp(score - largest)`.
    sums: Vec<f32>,
    /// Each head's sum of `exp(score - largest) * value`, in whole vectors.
    values: Vec<[f32; LANES]>,
}

impl Accumulator {
    /// Attends with `queries`, head after head and divided by the root of a head's width, to the
    /// positions `visible` of a sequence with these blocks, and writes the result to `out`.
    pub(crate) fn attend(
        &mut self,
        set: InstructionSet,
        cache: &KvHead,
        blocks: &[BlockId],
        visible: Range<usize>,
        queries: &[f32],
        out: &mut [f32],
    ) {
        let dim = cache.shape().head_dim;
        self.begin(queries.len() / dim, cache.shape().value_width() / LANES);
        for span in visible.start / SPAN..visible.end.div_ceil(SPAN) {
            let positions = (span * SPAN).max(visible.start)..((span + 1) * SPAN).min(visible.end);
            set.run(Span::new(self, cache, blocks, positions, queries));
        }
        self.finish(out, dim);
    }

    fn begin(&mut self, heads: usize, vectors: usize) {
        self.heads = heads;
        for numbers in [&mut self.largest, &mut self.sums] {
            numbers.clear();
            numbers.resize(heads, 0.0);
        }
        self.largest.fill(f32::NEG_INFINITY);
        self.values.clear();
        self.values.resize(heads * vectors, [0.0; LANES]);
    }

    /// Divides by the sum.
    fn finish(&self, out: &mut [f32], dim: usize) {
        let vectors = self.values.len() / self.heads;
        for (head, out) in out.chunks_mut(dim).enumerate() {
            let factor = 1.0 / self.sums[head];
            let values = self.values[head * vectors..][..vectors].as_flattened();
            for (out, value) in out.iter_mut().zip(values) {
                *out = value * factor;
            }
        }
    }
}

/// One span, with those of its positions that are seen.
struct Span<'a> {
    sums: &'a mut Accumulator,
    /// The span's tiles from the first that is seen; after the last one the first again.
    tiles: [Tile<'a>; TILES],
    /// Which of the tiles' positions are seen; it begins in the first tile.
    visible: Range<usize>,
    queries: &'a [f32],
    dim: usize,
}

impl<'a> Span<'a> {
    fn new(
        sums: &'a mut Accumulator,
        cache: &'a KvHead,
        blocks: &[BlockId],
        positions: Range<usize>,
        queries: &'a [f32],
    ) -> Self {
        let begin = positions.start / LANES * LANES;
        let visible = positions.start - begin..positions.end - begin;
        let count = visible.end.div_ceil(LANES);
        let tile = |i| cache.tile(begin + if i < count { i * LANES } else { 0 }, blocks);
        Self {
            sums,
            tiles: std::array::from_fn(tile),
            visible,
            queries,
            dim: cache.shape().head_dim,
        }
    }
}

impl Kernel for Span<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: MultiplyAdd>(mut self) {
        let heads = self.sums.heads;
        let mut head = 0;
        while head < heads {
            let count = MOST_HEADS.min(heads - head);
            match count {
                1 => self.together::<M, 1>(head),
                2 => self.together::<M, 2>(head),
                3 => self.together::<M, 3>(head),
                _ => self.together::<M, MOST_HEADS>(head),
            }
            head += count;
        }
    }
}

impl Span<'_> {
    /// `H` heads from `first` on, so that each key and value is read once for all of them.
    #[inline(always)]
    fn together<M: MultiplyAdd, const H: usize>(&mut self, first: usize) {
        let mut scores = [[[0.0; LANES]; TILES]; H];
        self.scores::<M, H>(first, &mut scores);
        let mut factors = [0.0; H];
        for (head, scores) in scores.iter_mut().enumerate() {
            factors[head] = self.fold::<M>(first + head, scores);
        }
        self.add_values::<M, H>(first, &scores, factors);
    }

    /// The products of `H` queries with every key, and with whatever else lies in the tiles.
    #[inline(always)]
    fn scores<M: MultiplyAdd, const H: usize>(&self, first: usize, scores: &mut [Scores; H]) {
        let queries: [_; H] =
            std::array::from_fn(|h| &self.queries[(first + h) * self.dim..][..self.dim]);
        let pairs = self.visible.end.div_ceil(2 * LANES);
        for (pair, tiles) in self.tiles.as_chunks::<2>().0.iter().take(pairs).enumerate() {
            let keys = tiles.map(|tile| &tile.keys[..self.dim]);
            let mut sums = [[M::splat(0.0); 2]; H];
            for d in 0..self.dim {
                let keys = keys.map(|keys| M::load(&keys[d]));
                for h in 0..H {
                    let query = M::splat(queries[h][d]);
                    for t in 0..2 {
                        sums[h][t] = M::multiply_add_all(keys[t], query, sums[h][t]);
                    }
                }
            }
            for h in 0..H {
                for t in 0..2 {
                    M::store(sums[h][t], &mut scores[h][2 * pair + t]);
                }
            }
        }
    }

    /// Turns the visible scores of a head into `exp(score - largest)` and the rest into zeros, and
    /// adds them up. Gives the factor by which what was added before becomes smaller.
    #[inline(always)]
    fn fold<M: MultiplyAdd>(&mut self, head: usize, scores: &mut Scores) -> f32 {
        let scores = scores.as_flattened_mut();
        hide(scores, &self.visible, f32::NEG_INFINITY);
        let before = self.sums.largest[head];
        let largest = largest(scores, before);
        for score in &mut scores[..] {
            *score = exp::<M>(*score - largest);
        }
        hide(scores, &self.visible, 0.0);
        let mut sums = [0.0; LANES];
        for scores in scores.as_chunks::<LANES>().0 {
            for lane in 0..LANES {
                sums[lane] += scores[lane];
            }
        }
        let factor = exp::<M>(before - largest);
        self.sums.largest[head] = largest;
        self.sums.sums[head] = self.sums.sums[head] * factor + sums.iter().sum::<f32>();
        factor
    }

    /// Adds the values, weighted with `H` heads' scores.
    #[inline(always)]
    fn add_values<M: MultiplyAdd, const H: usize>(
        &mut self,
        first: usize,
        scores: &[Scores; H],
        factors: [f32; H],
    ) {
        let vectors = self.sums.values.len() / self.sums.heads;
        let mut vector = 0;
        while vector + MOST_VECTORS <= vectors {
            self.add_vectors::<M, H, MOST_VECTORS>(first, scores, factors, vector);
            vector += MOST_VECTORS;
        }
        while vector < vectors {
            self.add_vectors::<M, H, 1>(first, scores, factors, vector);
            vector += 1;
        }
    }

    /// `V` vectors of dimensions from `vector` on.
    #[inline(always)]
    fn add_vectors<M: MultiplyAdd, const H: usize, const V: usize>(
        &mut self,
        first: usize,
        scores: &[Scores; H],
        factors: [f32; H],
        vector: usize,
    ) {
        let vectors = self.sums.values.len() / self.sums.heads;
        let place = |h: usize| (first + h) * vectors + vector;
        let zero = M::splat(0.0);
        let mut sums = [[zero; V]; H];
        for h in 0..H {
            let (before, factor) = (&self.sums.values[place(h)..][..V], M::splat(factors[h]));
            for v in 0..V {
                sums[h][v] = M::multiply_add_all(M::load(&before[v]), factor, zero);
            }
        }
        for (t, tile) in self.tiles.iter().enumerate() {
            let unseen = if t == 0 { self.visible.start } else { 0 };
            let end = LANES.min(self.visible.end.saturating_sub(t * LANES));
            let rows = tile.values.chunks_exact(vectors).enumerate();
            for (i, row) in rows.take(end).skip(unseen) {
                let row: [_; V] = std::array::from_fn(|v| M::load(&row[vector + v]));
                for h in 0..H {
                    let weight = M::splat(scores[h][t][i]);
                    for v in 0..V {
                        sums[h][v] = M::multiply_add_all(row[v], weight, sums[h][v]);
                    }
                }
            }
        }
        for h in 0..H {
            let after = &mut self.sums.values[place(h)..][..V];
            for v in 0..V {
                M::store(sums[h][v], &mut after[v]);
            }
        }
    }
}

#[inline(always)]
fn hide(scores: &mut [f32], visible: &Range<usize>, by: f32) {
    scores[..visible.start].fill(by);
    scores[visible.end..].fill(by);
}

/// The largest of some scores and of those before; NaN is passed over.
#[inline(always)]
fn largest(scores: &[f32], before: f32) -> f32 {
    let mut lanes = [before; LANES];
    for scores in scores.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let more = scores[lane] > lanes[lane];
            lanes[lane] = if more { scores[lane] } else { lanes[lane] };
        }
    }
    lanes
        .into_iter()
        .fold(before, |a, b| if b > a { b } else { a })
}
