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
/// Queries that are computed together.
const MOST_QUERIES: usize = 4;

/// What a token asks of a span.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen<'a> {
    /// Its queries, head after head.
    pub(super) queries: &'a [f32],
    /// The positions of the span that it sees: at least one.
    pub(super) positions: Range<usize>,
}

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
    fn resize(&mut self, heads: Heads) {
        self.largest.resize(heads.group, 0.0);
        self.sums.resize(heads.group, 0.0);
        self.values.resize(heads.group * heads.head_dim, 0.0);
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

/// Attends to one span with the queries of several tokens of a sequence; each has its own result.
pub(super) fn attend<N: Number>(
    set: InstructionSet,
    heads: Heads,
    cache: KvHead<'_, N>,
    blocks: &[BlockId],
    seen: &[Seen<'_>],
    partials: &mut [Partial],
) {
    partials
        .iter_mut()
        .for_each(|partial| partial.resize(heads));
    let starts = seen.iter().map(|seen| seen.positions.start);
    let ends = seen.iter().map(|seen| seen.positions.end);
    let begin = starts.min().unwrap_or(0) / LANES * LANES;
    let tiles = (ends.max().unwrap_or(0) - begin).div_ceil(LANES);
    let first = cache.tile(begin, blocks);
    let tile = |i| {
        if i < tiles {
            cache.tile(begin + i * LANES, blocks)
        } else {
            first
        }
    };
    set.run(Span {
        partials,
        heads,
        tiles: std::array::from_fn(tile),
        begin,
        seen,
    });
}

struct Span<'a, N> {
    partials: &'a mut [Partial],
    heads: Heads,
    /// The span's tiles from the first that is seen; after the last one the first again.
    tiles: [KvTile<'a, N>; TILES],
    /// The first tile's first position.
    begin: usize,
    seen: &'a [Seen<'a>],
}

impl<N: Number> Kernel for Span<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let all = self.seen.len() * self.heads.group;
        let mut first = 0;
        while first < all {
            let count = MOST_QUERIES.min(all - first);
            match count {
                1 => self.together::<S, 1>(simd, first),
                2 => self.together::<S, 2>(simd, first),
                3 => self.together::<S, 3>(simd, first),
                _ => self.together::<S, MOST_QUERIES>(simd, first),
            }
            first += count;
        }
    }
}

/// A number for each position of the span, in lanes.
type Scores = [Lanes<f32>; TILES];

impl<N: Number> Span<'_, N> {
    /// `Q` queries from `first` on, so that each key and value is widened once for all of them.
    /// They are numbered token after token, and in a token head after head.
    #[inline(always)]
    fn together<S: Simd, const Q: usize>(&mut self, simd: S, first: usize) {
        let mut scores = [[[0.0; LANES]; TILES]; Q];
        let visible: [_; Q] = std::array::from_fn(|q| self.visible(first + q));
        // Tokens follow each other, so that the first begins first and the last ends last.
        let any = visible[0].start..visible[Q - 1].end;
        self.scores(simd, first, any.end, &mut scores);
        for (q, (scores, visible)) in scores.iter_mut().zip(visible).enumerate() {
            let (largest, sum) = soften(scores, visible);
            let (token, head) = self.token_and_head(first + q);
            self.partials[token].largest[head] = largest;
            self.partials[token].sums[head] = sum;
        }
        self.values(simd, first, any, &scores);
    }

    fn token_and_head(&self, query: usize) -> (usize, usize) {
        (query / self.heads.group, query % self.heads.group)
    }

    /// Which of the tiles' positions a query sees.
    fn visible(&self, query: usize) -> Range<usize> {
        let (token, _) = self.token_and_head(query);
        let Range { start, end } = self.seen[token].positions;
        start - self.begin..end - self.begin
    }

    /// The products of `Q` queries with every key before `end`, and with whatever else lies in
    /// the tiles. The first queries ask for the memory of what comes next.
    #[inline(always)]
    fn scores<S: Simd, const Q: usize>(
        &self,
        simd: S,
        first: usize,
        end: usize,
        scores: &mut [Scores; Q],
    ) {
        let dim = self.heads.head_dim;
        let queries: [_; Q] = std::array::from_fn(|q| {
            let (token, head) = self.token_and_head(first + q);
            &self.seen[token].queries[head * dim..][..dim]
        });
        for pair in 0..end.div_ceil(2 * LANES) {
            let tiles = &self.tiles[2 * pair..][..2];
            if first == 0 {
                tiles.iter().for_each(|tile| fetch(simd, tile.values));
                let next = self.tiles.iter().skip(2 * pair + 4).take(2);
                next.for_each(|tile| fetch(simd, tile.keys));
            }
            let keys = [&tiles[0].keys[..dim], &tiles[1].keys[..dim]];
            let mut sums = [[simd.splat(0.0); 2]; Q];
            for d in 0..dim {
                let keys = keys.map(|keys| N::load(simd, &keys[d]));
                for q in 0..Q {
                    let query = simd.splat(queries[q][d]);
                    for t in 0..2 {
                        sums[q][t] = simd.mul_add(keys[t], query, sums[q][t]);
                    }
                }
            }
            for q in 0..Q {
                for t in 0..2 {
                    simd.store(sums[q][t], &mut scores[q][2 * pair + t]);
                }
            }
        }
    }

    /// The sums of the values, weighted with `Q` queries' scores.
    #[inline(always)]
    fn values<S: Simd, const Q: usize>(
        &mut self,
        simd: S,
        first: usize,
        any: Range<usize>,
        scores: &[Scores; Q],
    ) {
        let vectors = self.heads.head_dim.div_ceil(LANES);
        let mut vector = 0;
        while vector + 4 <= vectors {
            self.some_values::<S, Q, 4>(simd, first, any.clone(), scores, vector);
            vector += 4;
        }
        while vector < vectors {
            self.some_values::<S, Q, 1>(simd, first, any.clone(), scores, vector);
            vector += 1;
        }
    }

    /// `V` vectors of dimensions.
    #[inline(always)]
    fn some_values<S: Simd, const Q: usize, const V: usize>(
        &mut self,
        simd: S,
        first: usize,
        any: Range<usize>,
        scores: &[Scores; Q],
        vector: usize,
    ) {
        let vectors = self.heads.head_dim.div_ceil(LANES);
        let mut sums = [[simd.splat(0.0); V]; Q];
        for (t, tile) in self.tiles.iter().enumerate() {
            let rows = tile.values.chunks_exact(vectors).enumerate();
            let unseen = any.start.saturating_sub(t * LANES);
            let end = LANES.min(any.end.saturating_sub(t * LANES));
            for (i, row) in rows.take(end).skip(unseen) {
                let row: [_; V] = std::array::from_fn(|v| N::load(simd, &row[vector + v]));
                for q in 0..Q {
                    let weight = simd.splat(scores[q][t][i]);
                    for v in 0..V {
                        sums[q][v] = simd.mul_add(row[v], weight, sums[q][v]);
                    }
                }
            }
        }
        for q in 0..Q {
            for v in 0..V {
                self.put(simd, first + q, vector + v, sums[q][v]);
            }
        }
    }

    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, query: usize, vector: usize, sum: S::F) {
        let mut lanes = [0.0; LANES];
        simd.store(sum, &mut lanes);
        let dim = self.heads.head_dim;
        let (token, head) = self.token_and_head(query);
        let out = &mut self.partials[token].values[head * dim..][..dim];
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
