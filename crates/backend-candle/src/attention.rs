//! Causal attention of packed rows over the paged cache.
//!
//! For each token and each key-value head, with the query heads that share it, the positions of
//! the token's sequence are gone over in spans of 128, but for the spans that a sliding window
//! hides as a whole. Each span has its own softmax, and the spans are folded together from the
//! first to the last (arXiv:2205.14135). Neighbouring tokens of a prompt go over a span one after
//! the other, while it is in the cache; where there are few tokens, threads share out the spans.
//! Either way a token's result comes about by the same operations in the same order, whatever
//! else is in the batch.

mod span;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::kv::KvCache;
use crate::matrix::Matrix;
use crate::pool::Pool;
use crate::simd::{InstructionSet, Number};
use crate::step::{MOST_TOKENS_IN_RUN, Step};
pub(crate) use span::Partial;
use span::SPAN;

/// With fewer tasks than this for each thread, the spans of each token are tasks.
const TASKS_PER_THREAD: usize = 4;

/// How heads are arranged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) kv_heads: usize,
    /// Query heads to a key-value head.
    pub(crate) group: usize,
    pub(crate) head_dim: usize,
}

impl Heads {
    /// Numbers in the queries that share a key-value head, and in their result.
    fn width(&self) -> usize {
        self.group * self.head_dim
    }
}

/// One layer's attention.
pub(crate) struct Attention<'a, N> {
    pub(crate) set: InstructionSet,
    pub(crate) heads: Heads,
    pub(crate) cache: &'a KvCache<N>,
    pub(crate) layer: usize,
    /// How many positions a token sees, itself among them; `None` for all.
    pub(crate) window: Option<usize>,
    pub(crate) step: &'a Step<'a>,
    /// For each token its queries, rotated and divided by the root of the head's width, at the
    /// beginning of a row.
    pub(crate) queries: &'a Matrix,
}

impl<N: Number> Attention<'_, N> {
    /// Writes each token's result, head after head, into a row of `out`.
    pub(crate) fn run(&self, pool: &mut Pool, partials: &mut Vec<Partial>, out: &mut Matrix) {
        let runs = self.step.runs().len();
        match runs * self.heads.kv_heads < TASKS_PER_THREAD * pool.threads() {
            true => self.by_span(pool, partials, out),
            false => self.by_run(pool, out),
        }
    }

    /// Each thread takes runs of neighbouring tokens, with one head.
    fn by_run(&self, pool: &mut Pool, out: &mut Matrix) {
        let (heads, width) = (self.heads.kv_heads, self.heads.width());
        let runs = self.step.runs();
        let out = &out.share(self.step.tokens().len());
        pool.run(runs.len() * heads, 1, |tasks| {
            let mut wholes = vec![Partial::default(); MOST_TOKENS_IN_RUN];
            let mut partial = Partial::default();
            for task in tasks {
                let (run, head) = (&runs[task / heads], task % heads);
                self.spans_of_run(run, head, &mut wholes, &mut partial);
                for (token, whole) in run.clone().zip(&wholes) {
                    // SAFETY: the pool hands out each task once, no token is in two runs, and
                    // each head has columns of its own.
                    whole.finish(unsafe { out.piece_mut(token, head * width, width) });
                }
            }
        });
    }

    /// Span after span, each for every token of the run that reaches it.
    fn spans_of_run(
        &self,
        run: &Range<usize>,
        head: usize,
        wholes: &mut [Partial],
        partial: &mut Partial,
    ) {
        for span in self.spans(run.start).start..self.spans(run.end - 1).end {
            for (token, whole) in run.clone().zip(&mut *wholes) {
                let spans = self.spans(token);
                match span {
                    first if first == spans.start => self.span(token, head, span, whole),
                    _ if spans.contains(&span) => {
                        self.span(token, head, span, partial);
                        whole.fold(partial);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Each thread takes spans of one token and one head.
    fn by_span(&self, pool: &mut Pool, partials: &mut Vec<Partial>, out: &mut Matrix) {
        let (heads, width) = (self.heads.kv_heads, self.heads.width());
        let of_token = |token| (0..heads * self.spans(token).len()).map(move |i| (token, i));
        let tasks: Vec<_> = (0..self.step.tokens().len()).flat_map(of_token).collect();
        if partials.len() < tasks.len() {
            partials.resize_with(tasks.len(), Partial::default);
        }
        let partials = &mut partials[..tasks.len()];
        pool.for_each(partials, 1, |task, partial| {
            let (token, i) = tasks[task];
            let spans = self.spans(token);
            let (head, span) = (i / spans.len(), spans.start + i % spans.len());
            self.span(token, head, span, partial);
        });
        let mut rest = partials;
        for (piece, out) in out
            .head_mut(self.step.tokens().len())
            .chunks_mut(width)
            .enumerate()
        {
            let (mine, others) = rest.split_at_mut(self.spans(piece / heads).len());
            if let [whole, partials @ ..] = mine {
                partials.iter().for_each(|partial| whole.fold(partial));
                whole.finish(out);
            }
            rest = others;
        }
    }

    /// The positions that a token sees.
    fn visible(&self, token: usize) -> Range<usize> {
        let end = self.step.tokens()[token].position + 1;
        let start = self.window.map_or(0, |window| end.saturating_sub(window));
        start..end
    }

    /// The spans in which these positions lie.
    fn spans(&self, token: usize) -> Range<usize> {
        let visible = self.visible(token);
        visible.start / SPAN..visible.end.div_ceil(SPAN)
    }

    fn span(&self, token: usize, head: usize, span: usize, partial: &mut Partial) {
        let width = self.heads.width();
        let queries = &self.queries.row(token)[head * width..][..width];
        let cache = self.cache.head(self.layer, head);
        let visible = self.visible(token);
        let start = span * SPAN;
        let positions = start.max(visible.start)..(start + SPAN).min(visible.end);
        let blocks = self.step.blocks(&self.step.tokens()[token]);
        partial.attend(self.set, self.heads, cache, blocks, positions, queries);
    }
}
