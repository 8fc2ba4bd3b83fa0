//! A whole matrix in tiles.

use std::mem::MaybeUninit;

use super::input::InputRow;
use super::tiles::TilePart;
use crate::pool::Pool;
use crate::simd::{LANES, Lanes, Simd};

/// A matrix of weights, cut into tiles of 16 outputs; the last tile is filled up.
#[derive(Debug)]
pub(crate) struct Tiled<P> {
    parts: Vec<P>,
    parts_per_tile: usize,
}

impl<P: TilePart> Tiled<P> {
    /// Makes tile after tile from the parts that `tile` gives, on all threads.
    ///
    /// # Panics
    /// If a tile has not `parts_per_tile` parts.
    pub(crate) fn build<I: Iterator<Item = P>>(
        pool: &mut Pool,
        tiles: usize,
        parts_per_tile: usize,
        tile: impl Fn(usize) -> I + Sync,
    ) -> Self {
        let total = tiles * parts_per_tile;
        let mut parts = Vec::with_capacity(total);
        let room: &mut [MaybeUninit<P>] = &mut parts.spare_capacity_mut()[..total];
        pool.for_each_chunk(room, parts_per_tile.max(1), 1, |number, chunk| {
            let slots = chunk.iter_mut();
            let written = slots.zip(tile(number)).map(|(slot, part)| slot.write(part));
            assert_eq!(
                written.count(),
                parts_per_tile,
                "tile {number} is not whole"
            );
        });
        // SAFETY: the chunks cover the first `total` slots, and each was written from its first
        // to its last, or the assertion would have ended this function.
        unsafe { parts.set_len(total) };
        Self {
            parts,
            parts_per_tile,
        }
    }

    /// The products of every row with one tile, given to `emit` with the number of the row.
    #[inline(always)]
    pub(crate) fn multiply<S: Simd>(
        &self,
        simd: S,
        tile: usize,
        rows: &[InputRow],
        mut emit: impl FnMut(usize, &Lanes<f32>),
    ) {
        let tile = &self.parts[tile * self.parts_per_tile..][..self.parts_per_tile];
        let mut done = 0;
        while rows.len() - done >= 8 {
            self.group::<S, 8>(simd, tile, rows, done, &mut emit);
            done += 8;
        }
        if rows.len() - done >= 4 {
            self.group::<S, 4>(simd, tile, rows, done, &mut emit);
            done += 4;
        }
        if rows.len() - done >= 2 {
            self.group::<S, 2>(simd, tile, rows, done, &mut emit);
            done += 2;
        }
        if rows.len() > done {
            self.group::<S, 1>(simd, tile, rows, done, &mut emit);
        }
    }

    #[inline(always)]
    fn group<S: Simd, const R: usize>(
        &self,
        simd: S,
        tile: &[P],
        rows: &[InputRow],
        first: usize,
        emit: &mut impl FnMut(usize, &Lanes<f32>),
    ) {
        let group: [_; R] = std::array::from_fn(|r| P::of(&rows[first + r]));
        let sums = P::multiply(simd, tile, group);
        for (r, sum) in sums.into_iter().enumerate() {
            let mut out = [0.0; LANES];
            simd.store(sum, &mut out);
            emit(first + r, &out);
        }
    }
}
