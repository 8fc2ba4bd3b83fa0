//! What tokens see that are the only one of their row, as `scaled_dot_product_attention` wants it:
//! equally many slots for each, and a mask.

use tch::{Device, Kind, TchError, Tensor};

use super::step::{Layout, Piece};

/// Rows of one token, padded to the longest.
#[derive(Debug)]
pub(super) struct Padded {
    pub(super) rows: i64,
    /// The slots of all rows, one row after the other, `[rows * length]`. Where a token does not
    /// see that far stands the slot of the token itself: what others left in the cache, a NaN
    /// even, is never read.
    pub(super) slots: Tensor,
    /// What is added to the scores, `[rows, 1, 1, length]`: 0 or −∞.
    pub(super) mask: Tensor,
}

/// What goes to the device; it is a few numbers a row, from which the rest is made there.
struct Table {
    /// The numbers of the blocks that a row sees, padded with its last.
    blocks: Vec<i64>,
    /// The position at which the first of these begins.
    bases: Vec<i64>,
    /// The first position that a row sees.
    firsts: Vec<i64>,
    /// The last, which is its token's own.
    lasts: Vec<i64>,
}

impl Table {
    fn new(pieces: &[Piece<'_>], window: Option<usize>, size: usize) -> Self {
        let seen = |piece: &Piece<'_>| piece.seen_from(window) / size..piece.end().div_ceil(size);
        let width = pieces.iter().map(|piece| seen(piece).len()).max();
        let mut table = Self {
            blocks: Vec::with_capacity(pieces.len() * width.unwrap_or(0)),
            bases: Vec::with_capacity(pieces.len()),
            firsts: Vec::with_capacity(pieces.len()),
            lasts: Vec::with_capacity(pieces.len()),
        };
        for piece in pieces {
            let seen = seen(piece);
            table.bases.push((seen.start * size) as i64);
            table.firsts.push(piece.seen_from(window) as i64);
            table.lasts.push(piece.end() as i64 - 1);
            let last = seen.end - 1;
            let padded = (seen.start..).take(width.unwrap_or(0));
            let blocks = padded.map(|block| piece.row.blocks[block.min(last)]);
            table.blocks.extend(blocks.map(i64::from));
        }
        table
    }
}

impl Padded {
    pub(super) fn new(
        pieces: &[Piece<'_>],
        window: Option<usize>,
        layout: &Layout,
    ) -> Result<Self, TchError> {
        let table = Table::new(pieces, window, layout.block_size);
        let (rows, size) = (pieces.len() as i64, layout.block_size as i64);
        let column = |numbers: &[i64]| on(layout.device, numbers)?.f_view([rows, 1]);
        let count = |length| Tensor::f_arange(length, (Kind::Int64, layout.device));
        let blocks = on(layout.device, &table.blocks)?.f_view([rows, -1, 1])?;
        let slots = blocks.f_mul_scalar(size)?.f_add(&count(size)?)?;
        let slots = slots.f_view([rows, -1])?;
        let (bases, lasts) = (column(&table.bases)?, column(&table.lasts)?);
        let positions = bases.f_add(&count(slots.size()[1])?)?;
        let seen = positions.f_ge_tensor(&column(&table.firsts)?)?;
        let seen = seen.f_logical_and(&positions.f_le_tensor(&lasts)?)?;
        let own = slots.f_gather(1, &lasts.f_sub(&bases)?, false)?;
        let hidden = seen.f_logical_not()?;
        let mask = Tensor::f_zeros(seen.size(), (layout.kind, layout.device))?;
        Ok(Self {
            rows,
            slots: slots.f_where_self(&seen, &own)?.f_view([-1])?,
            mask: mask
                .f_masked_fill(&hidden, f64::NEG_INFINITY)?
                .f_view([rows, 1, 1, -1])?,
        })
    }
}

fn on(device: Device, numbers: &[i64]) -> Result<Tensor, TchError> {
    Tensor::from_slice(numbers).f_to_device(device)
}
