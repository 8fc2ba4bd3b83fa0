//! The tokens of one step, in the order in which they are computed, and what each of them sees.
//!
//! Rows of one token stand first, the longest sequence before the others: neighbours of about the
//! same length share one call of attention, filled up to the longest and masked. A row of several
//! tokens has a call of its own.

use std::cmp::Reverse;

use stream_core::TokenId;
use stream_runtime::{Batch, Row};
use tch::{TchError, Tensor};

use super::cache::slot;
use super::options::Batches;

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
    pub(super) groups: Vec<Group>,
}

/// Some tokens that share one call of attention: one token of each of `rows` sequences, or
/// several of one.
#[derive(Debug)]
pub(super) struct Group {
    /// The first of its tokens in the step.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// Tokens of each row.
    pub(super) tokens: usize,
    /// The slots that each row sees, one row after the other, all of them equally many.
    pub(super) slots: Tensor,
    /// Which of them a token does not see.
    pub(super) mask: Mask,
}

#[derive(Debug)]
pub(super) enum Mask {
    /// It sees all of them.
    None,
    /// As many slots as tokens, of which a token sees those up to its own.
    Causal,
    /// What is added to the scores, `[rows, 1, tokens, slots]`: 0 or −∞.
    Added(Tensor),
}

/// Some neighbouring tokens of one sequence, at their place in the step.
#[derive(Debug, Clone)]
struct Piece<'a> {
    row: &'a Row<'a>,
    /// The first of its tokens in the row.
    skipped: usize,
    tokens: usize,
    /// The first of its tokens in the batch.
    place: usize,
}

impl Step {
    pub(super) fn new(
        batch: &Batch<'_>,
        block_size: usize,
        windows: &[Option<usize>],
        batches: Batches,
    ) -> Result<Self, TchError> {
        let pieces = pieces(batch, batches);
        let mut places = vec![0; pieces.iter().map(|piece| piece.tokens).sum()];
        let (mut ids, mut positions, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        for piece in &pieces {
            for token in 0..piece.tokens {
                places[piece.place + token] = ids.len();
                ids.push(piece.row.tokens[piece.skipped + token]);
                positions.push(piece.start() + token);
                slots.push(slot(piece.start() + token, piece.row.blocks, block_size));
            }
        }
        let view = |&window| View::new(&pieces, window, block_size, batches);
        Ok(Self {
            ids,
            positions,
            slots: Tensor::from_slice(&slots),
            views: windows.iter().map(view).collect::<Result<_, _>>()?,
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
    fn end(&self) -> usize {
        self.start() + self.tokens
    }

    /// The first position that any of its tokens sees.
    fn seen_from(&self, window: Option<usize>) -> usize {
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
    fn new(
        pieces: &[Piece<'_>],
        window: Option<usize>,
        block_size: usize,
        batches: Batches,
    ) -> Result<Self, TchError> {
        let mut groups = Vec::new();
        let (mut rest, mut first) = (pieces, 0);
        while let Some(head) = rest.first() {
            let alike = |piece: &&Piece<'_>| shares(head, piece, window, batches);
            let rows = 1 + rest[1..].iter().take_while(alike).count();
            let (mine, others) = rest.split_at(rows);
            groups.push(Group::new(mine, first, window, block_size)?);
            first += rows * head.tokens;
            rest = others;
        }
        Ok(Self { window, groups })
    }
}

/// Whether a piece may share a call of attention with a longer one before it.
fn shares(head: &Piece<'_>, piece: &Piece<'_>, window: Option<usize>, batches: Batches) -> bool {
    let length = |piece: &Piece<'_>| piece.end() - piece.seen_from(window);
    let single = head.tokens == 1 && piece.tokens == 1;
    batches == Batches::Fastest && single && 2 * length(piece) >= length(head)
}

impl Group {
    fn new(
        pieces: &[Piece<'_>],
        first: usize,
        window: Option<usize>,
        block_size: usize,
    ) -> Result<Self, TchError> {
        let seen = |piece: &Piece<'_>| piece.seen_from(window)..piece.end();
        let length = pieces
            .iter()
            .map(|piece| seen(piece).len())
            .max()
            .unwrap_or(0);
        let mut slots = Vec::with_capacity(pieces.len() * length);
        for piece in pieces {
            let of = |position| slot(position, piece.row.blocks, block_size);
            let filled = slots.len() + length;
            slots.extend(seen(piece).map(of));
            // A slot of its own, so that what it must not see cannot harm it.
            slots.resize(filled, of(piece.start()));
        }
        let tokens = pieces[0].tokens;
        Ok(Self {
            first,
            rows: pieces.len(),
            tokens,
            slots: Tensor::from_slice(&slots),
            mask: Mask::new(pieces, window, length)?,
        })
    }
}

impl Mask {
    fn new(pieces: &[Piece<'_>], window: Option<usize>, length: usize) -> Result<Self, TchError> {
        let (tokens, start) = (pieces[0].tokens, pieces[0].start());
        let whole = |piece: &Piece<'_>| piece.end() - piece.seen_from(window) == length;
        if tokens == 1 && pieces.iter().all(whole) {
            return Ok(Self::None);
        }
        if start == 0 && window.is_none_or(|window| tokens <= window) && tokens > 1 {
            return Ok(Self::Causal);
        }
        let mut mask = vec![f32::NEG_INFINITY; pieces.len() * tokens * length];
        let rows = pieces
            .iter()
            .flat_map(|piece| (0..tokens).map(move |token| (piece, token)));
        for ((piece, token), row) in rows.zip(mask.chunks_mut(length)) {
            let position = piece.start() + token;
            let from = window.map_or(0, |window| (position + 1).saturating_sub(window));
            let base = piece.seen_from(window);
            row[from - base..=position - base].fill(0.0);
        }
        let shape = [pieces.len() as i64, 1, tokens as i64, length as i64];
        Tensor::from_slice(&mask).f_view(shape).map(Self::Added)
    }
}
