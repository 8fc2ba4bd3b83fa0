//! Keys and values of all sequences, in blocks, for a graph that wants those of one sequence in one
//! piece.

use stream_runtime::BlockId;

/// The sizes of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Two for each layer.
    pub(super) tensors: usize,
    pub(super) heads: usize,
    /// Numbers of a head.
    pub(super) width: usize,
    /// Positions in a block.
    pub(super) block: usize,
}

/// The blocks; one takes memory when it is first written to.
#[derive(Debug)]
pub(super) struct Cache {
    shape: Shape,
    /// Each `[tensors, heads, positions, width]`.
    blocks: Vec<Option<Box<[f32]>>>,
}

/// A piece of a block that lies in one piece in a sequence's tensor too.
struct Piece {
    block: usize,
    in_block: std::ops::Range<usize>,
    in_tensor: std::ops::Range<usize>,
}

impl Cache {
    pub(super) fn new(shape: Shape, blocks: usize) -> Self {
        Self {
            shape,
            blocks: vec![None; blocks],
        }
    }

    /// The first `length` positions of a sequence: `[heads, length, width]`.
    pub(super) fn read(&self, tensor: usize, blocks: &[BlockId], length: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; self.shape.heads * length * self.shape.width];
        for piece in self.pieces(tensor, blocks, 0, length) {
            if let Some(block) = &self.blocks[piece.block] {
                numbers[piece.in_tensor].copy_from_slice(&block[piece.in_block]);
            }
        }
        numbers
    }

    /// Keeps what a sequence has from position `start` on, of `numbers` that are
    /// `[heads, length, width]`.
    pub(super) fn write(
        &mut self,
        tensor: usize,
        blocks: &[BlockId],
        start: usize,
        numbers: &[f32],
    ) {
        let Shape {
            tensors,
            heads,
            width,
            block,
        } = self.shape;
        let length = numbers.len() / (heads * width);
        for piece in self.pieces(tensor, blocks, start, length) {
            let kept = self.blocks[piece.block].get_or_insert_with(|| {
                vec![0.0; tensors * heads * block * width].into_boxed_slice()
            });
            kept[piece.in_block].copy_from_slice(&numbers[piece.in_tensor]);
        }
    }

    /// Where the positions from `start` to `length` lie.
    fn pieces(&self, tensor: usize, blocks: &[BlockId], start: usize, length: usize) -> Vec<Piece> {
        let Shape {
            heads,
            width,
            block: size,
            ..
        } = self.shape;
        let numbers = start / size..length.div_ceil(size);
        let pairs = numbers.flat_map(|number| (0..heads).map(move |head| (number, head)));
        let piece = |(number, head): (usize, usize)| {
            let (first, end) = (start.max(number * size), length.min((number + 1) * size));
            let row = (tensor * heads + head) * size;
            let of_block = (row + first - number * size) * width;
            let of_tensor = (head * length + first) * width;
            let count = (end - first) * width;
            Piece {
                block: blocks[number] as usize,
                in_block: of_block..of_block + count,
                in_tensor: of_tensor..of_tensor + count,
            }
        };
        pairs.map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_parts_is_read_in_one_piece() {
        let shape = Shape {
            tensors: 2,
            heads: 2,
            width: 3,
            block: 4,
        };
        let (mut cache, blocks) = (Cache::new(shape, 5), [3, 0, 4]);
        let number =
            |head: usize, position: usize, i: usize| (head * 1_000 + position * 10 + i) as f32;
        let whole = |length: usize| -> Vec<f32> {
            let heads = (0..2).flat_map(|head| (0..length).map(move |at| (head, at)));
            heads
                .flat_map(|(head, at)| (0..3).map(move |i| number(head, at, i)))
                .collect()
        };
        for (start, length) in [(0, 3), (3, 9), (9, 10)] {
            cache.write(1, &blocks, start, &whole(length));
        }
        for length in [0, 1, 4, 10] {
            assert_eq!(cache.read(1, &blocks, length), whole(length));
        }
        assert!(cache.read(0, &blocks, 10).iter().all(|x| *x == 0.0));
        assert!(cache.blocks[1].is_none());
    }
}
