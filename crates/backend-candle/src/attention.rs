//! Causal attention of packed rows over the paged cache.
//!
//! For each token and each key-value head, with the query heads that share it, the positions of
//! the token's sequence are gone over in spans of 128, but for the spans that a sliding window
//! hides as a whole. Each span has its own softmax, and the spans are folded together from the
//! first to the last (arXiv:2205.14135). Neighbouring tokens of a prompt go over a span together, so
//! that each key and value is widened once for several; where there are few tokens, threads share
//! out the spans.
//! Either way a token's result comes about by the same operations in the same order, whatever
//! else is in the batch.

mod span;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::slice;

use crate::kv::KvCache;
use crate::matrix::Matrix;
use crate::pool::Pool;
use crate::simd::{InstructionSet, Number};
use crate::step::{MOST_TOKENS_IN_RUN, Step};
pub(crate) use span::Partial;
use span::{SPAN, Seen};

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
            let mut partials = wholes.clone();
            for task in tasks {
                let (run, head) = (&runs[task / heads], task % heads);
                self.spans_of_run(run, head, &mut wholes, &mut partials);
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
        partials: &mut [Partial],
    ) {
        for span in self.spans(run.start).start..self.spans(run.end - 1).end {
            // Neither the first nor the last span of a token lies before that of the one before.
            let reaches = |token: &usize| self.spans(*token).contains(&span);
            let Some(first) = run.clone().find(reaches) else {
                continue;
            };
            let count = (first..run.end).take_while(reaches).count();
            self.span(first..first + count, head, span, partials);
            let wholes = &mut wholes[first - run.start..];
            for (token, (whole, partial)) in
                (first..).zip(wholes.iter_mut().zip(&mut *partials).take(count))
            {
                match self.spans(token).start == span {
                    true => std::mem::swap(whole, partial),
                    false => whole.fold(partial),
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
            self.span(token..token + 1, head, span, slice::from_mut(partial));
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

    /// Neighbouring tokens of a sequence, which all see positions of the span.
    fn span(&self, tokens: Range<usize>, head: usize, span: usize, partials: &mut [Partial]) {
        let cache = self.cache.head(self.layer, head);
        let blocks = self.step.blocks(&self.step.tokens()[tokens.start]);
        let mut seen: [_; MOST_TOKENS_IN_RUN] = std::array::from_fn(|_| Seen::default());
        let (seen, partials) = (&mut seen[..tokens.len()], &mut partials[..tokens.len()]);
        for (token, seen) in tokens.zip(&mut *seen) {
            *seen = self.seen(token, head, span);
        }
        span::attend(self.set, self.heads, cache, blocks, seen, partials);
    }

    /// What a token asks of a span.
    fn seen(&self, token: usize, head: usize, span: usize) -> Seen<'_> {
        let width = self.heads.width();
        let visible = self.visible(token);
        let start = span * SPAN;
        Seen {
            queries: &self.queries.row(token)[head * width..][..width],
            positions: start.max(visible.start)..(start + SPAN).min(visible.end),
        }
    }
}
