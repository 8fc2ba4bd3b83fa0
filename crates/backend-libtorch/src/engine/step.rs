//! The tokens of one step, in the order in which they are computed, and what each of them sees.
//!
//! Rows of one token stand first, the longest sequence before the others, and share one call of
//! attention. A row of several tokens has a call of its own.

use std::cmp::Reverse;
use std::ptr;

use stream_core::TokenId;
use stream_runtime::{Batch, Row};
use tch::{Device, Kind, TchError, Tensor};

use super::cache::slot;
use super::operators::Passes;
use super::options::Batches;
use super::padded::Padded;

/// What a model's steps have in common.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) block_size: usize,
    /// Each that a layer has, once.
    pub(super) windows: Vec<Option<usize>>,
    pub(super) batches: Batches,
    pub(super) passes: Passes,
    pub(super) device: Device,
    /// Of queries, keys and values.
    pub(super) kind: Kind,
}

/// A batch as the decoder goes through it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) ids: Vec<TokenId>,
    /// Each token's position in its sequence.
    pub(super) positions: Vec<usize>,
    /// Where each token's key and value go.
    pub(super) slots: Tensor,
    /// What the tokens see, for each window that the model has.
    pub(super) views: Vec<View>,
    /// For each token of the batch its place in the step.
    places: Vec<usize>,
}

/// What the tokens of a step see in the layers with the same window.
#[derive(Debug)]
pub(super) struct View {
    pub(super) window: Option<usize>,
    /// The first tokens of the step.
    pub(super) singles: Option<Singles>,
    /// Those after them.
    pub(super) several: Vec<Several>,
}

/// What tokens see that are the only one of their row, as the operators want it.
#[derive(Debug)]
pub(super) enum Singles {
    Spans(Spans),
    Padded(Padded),
}

/// What tokens see that are computed one by one.
#[derive(Debug)]
pub(super) struct Spans {
    /// Blocks of their sequences.
    pub(super) table: Tensor,
    /// `[rows, 3]`: where a row's blocks begin in the table, the first position that it sees, and
    /// one more than the last.
    pub(super) spans: Tensor,
    pub(super) block_size: i64,
}

/// Some tokens of one sequence, which share a call of attention.
#[derive(Debug)]
pub(super) struct Several {
    /// The first of them in the step.
    pub(super) first: usize,
    pub(super) tokens: usize,
    /// The slots that any of them sees.
    pub(super) slots: Tensor,
    /// Which of these a token does not see.
    pub(super) mask: Mask,
}

#[derive(Debug)]
pub(super) enum Mask {
    /// As many slots as tokens, of which a token sees those up to its own.
    Causal,
    /// What is added to the scores, `[1, 1, tokens, slots]`: 0 or −∞.
    Added(Tensor),
}

/// Some neighbouring tokens of one sequence, at their place in the step.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) row: &'a Row<'a>,
    /// The first of its tokens in the row.
    skipped: usize,
    tokens: usize,
    /// The first of its tokens in the batch.
    place: usize,
}

impl Step {
    pub(super) fn new(batch: &Batch<'_>, layout: &Layout) -> Result<Self, TchError> {
        let pieces = pieces(batch, layout.batches);
        let mut places = vec![0; pieces.iter().map(|piece| piece.tokens).sum()];
        let (mut ids, mut positions, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        for piece in &pieces {
            for token in 0..piece.tokens {
                places[piece.place + token] = ids.len();
                ids.push(piece.row.tokens[piece.skipped + token]);
                positions.push(piece.start() + token);
                slots.push(slot(
                    piece.start() + token,
                    piece.row.blocks,
                    layout.block_size,
                ));
            }
        }
        let view = |&window| View::new(&pieces, window, layout);
        Ok(Self {
            ids,
            positions,
            slots: Tensor::from_slice(&slots).f_to_device(layout.device)?,
            views: layout.windows.iter().map(view).collect::<Result<_, _>>()?,
            places,
        })
    }

    /// Where a token of the batch stands in the step.
    pub(super) fn place(&self, token: usize) -> usize {
        self.places[token]
    }

    /// What the tokens see in a layer with this window.
    pub(super) fn view(&self, window: Option<usize>) -> &View {
        let found = self.views.iter().find(|view| view.window == window);
        found.unwrap_or(&self.views[0])
    }
}

impl Piece<'_> {
    /// The position of its first token.
    fn start(&self) -> usize {
        self.row.start + self.skipped
    }

    /// One more than the position of its last token.
    pub(super) fn end(&self) -> usize {
        self.start() + self.tokens
    }

    /// The first position that any of its tokens sees.
    pub(super) fn seen_from(&self, window: Option<usize>) -> usize {
        window.map_or(0, |window| (self.start() + 1).saturating_sub(window))
    }
}

/// The pieces of a step in their order.
fn pieces<'a>(batch: &Batch<'a>, batches: Batches) -> Vec<Piece<'a>> {
    let mut place = 0;
    let mut pieces = Vec::new();
    for row in batch.rows {
        let width = match batches {
            Batches::Fastest => row.tokens.len(),
            Batches::Invariant => 1,
        };
        for skipped in (0..row.tokens.len()).step_by(width) {
            let tokens = width;
            pieces.push(Piece {
                row,
                skipped,
                tokens,
                place,
            });
            place += tokens;
        }
    }
    if batches == Batches::Fastest {
        pieces.sort_by_key(|piece| (piece.tokens > 1, Reverse(piece.end())));
    }
    pieces
}

impl View {
    fn new(pieces: &[Piece<'_>], window: Option<usize>, layout: &Layout) -> Result<Self, TchError> {
        let singles = pieces.partition_point(|piece| piece.tokens == 1);
        let (singles, rest) = pieces.split_at(singles);
        let mut first = singles.len();
        let mut several = Vec::with_capacity(rest.len());
        for piece in rest {
            several.push(Several::new(piece, first, window, layout)?);
            first += piece.tokens;
        }
        let singles = (!singles.is_empty()).then(|| Singles::new(singles, window, layout));
        Ok(Self {
            window,
            singles: singles.transpose()?,
            several,
        })
    }
}

impl Singles {
    fn new(pieces: &[Piece<'_>], window: Option<usize>, layout: &Layout) -> Result<Self, TchError> {
        match layout.passes {
            Passes::Fused => Spans::new(pieces, window, layout.block_size).map(Self::Spans),
            Passes::Plain => Padded::new(pieces, window, layout).map(Self::Padded),
        }
    }
}

impl Spans {
    fn new(
        pieces: &[Piece<'_>],
        window: Option<usize>,
        block_size: usize,
    ) -> Result<Self, TchError> {
        let (mut table, mut spans) = (Vec::new(), Vec::with_capacity(3 * pieces.len()));
        let (mut last, mut blocks) = (None, 0);
        for piece in pieces {
            // Neighbours of one row have the same blocks.
            if last.is_none_or(|last| !ptr::eq(last, piece.row)) {
                blocks = table.len();
                table.extend(piece.row.blocks.iter().map(|&block| i64::from(block)));
                last = Some(piece.row);
            }
            let span = [blocks, piece.seen_from(window), piece.end()];
            spans.extend(span.map(|number| number as i64));
        }
        Ok(Self {
            table: Tensor::from_slice(&table),
            spans: Tensor::from_slice(&spans).f_view([-1, 3])?,
            block_size: block_size as i64,
        })
    }
}

impl Several {
    fn new(
        piece: &Piece<'_>,
        first: usize,
        window: Option<usize>,
        layout: &Layout,
    ) -> Result<Self, TchError> {
        let seen = piece.seen_from(window)..piece.end();
        let slots = seen.map(|position| slot(position, piece.row.blocks, layout.block_size));
        let slots = Tensor::from_slice(&slots.collect::<Vec<_>>());
        Ok(Self {
            first,
            tokens: piece.tokens,
            slots: slots.f_to_device(layout.device)?,
            mask: Mask::new(piece, window)?.on(layout)?,
        })
    }
}

impl Mask {
    /// In the form that the operators want.
    fn on(self, layout: &Layout) -> Result<Self, TchError> {
        match (self, layout.passes) {
            (Self::Added(mask), Passes::Plain) => {
                let mask = mask.f_to_device(layout.device)?;
                mask.f_to_kind(layout.kind).map(Self::Added)
            }
            (mask, _) => Ok(mask),
        }
    }

    fn new(piece: &Piece<'_>, window: Option<usize>) -> Result<Self, TchError> {
        let (tokens, base) = (piece.tokens, piece.seen_from(window));
        if piece.start() == 0 && window.is_none_or(|window| tokens <= window) {
            return Ok(Self::Causal);
        }
        let length = piece.end() - base;
        let mut mask = vec![f32::NEG_INFINITY; tokens * length];
        for (position, row) in (piece.start()..).zip(mask.chunks_mut(length)) {
            let from = window.map_or(0, |window| (position + 1).saturating_sub(window));
            row[from - base..=position - base].fill(0.0);
        }
        let shape = [1, 1, tokens as i64, length as i64];
        Tensor::from_slice(&mask).f_view(shape).map(Self::Added)
    }
}
