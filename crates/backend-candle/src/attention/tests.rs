//! Attention over the paged cache against attention by the book, in `f64`.

use stream_core::{Sampling, TokenId};
use stream_runtime::{BlockId, Choice, Given, Row, SequenceId};

use super::*;
use crate::kv::{KvShape, Place};
use crate::noise::noise;

/// Positions of the sequence: two whole spans and a part that fills no tile.
const LENGTH: usize = 2 * SPAN + 37;
const BLOCK_SIZE: usize = 32;

/// A sequence in a cache, and its queries.
struct Setting {
    heads: Heads,
    cache: KvCache<f32>,
    blocks: Vec<BlockId>,
    tokens: Vec<TokenId>,
}

impl Setting {
    fn new(kv_heads: usize, group: usize, head_dim: usize) -> Self {
        let count = LENGTH.div_ceil(BLOCK_SIZE);
        let shape = KvShape {
            layers: 1,
            kv_heads,
            head_dim,
            blocks: count,
            block_size: BLOCK_SIZE,
        };
        let mut setting = Self {
            heads: Heads {
                kv_heads,
                group,
                head_dim,
            },
            cache: KvCache::new(shape).unwrap(),
            blocks: (0..count as BlockId).rev().collect(),
            tokens: vec![0; LENGTH],
        };
        let length = setting.cache.head_length();
        for position in 0..LENGTH {
            let place = Place::of(position, &setting.blocks, BLOCK_SIZE);
            for head in 0..kv_heads {
                let (key, value) = (setting.key(head, position), setting.value(head, position));
                let data = &mut setting.cache.layer_mut(0)[head * length..][..length];
                shape.write(data, place, &key, &value);
            }
        }
        setting
    }

    fn vector(&self, seed: usize, head: usize, position: usize) -> Vec<f32> {
        let dim = self.heads.head_dim;
        let number = |d| noise(seed, (head * LENGTH + position) * dim + d);
        (0..dim).map(number).collect()
    }

    fn key(&self, head: usize, position: usize) -> Vec<f32> {
        self.vector(1, head, position)
    }

    fn value(&self, head: usize, position: usize) -> Vec<f32> {
        self.vector(2, head, position)
    }

    /// The queries of some positions.
    fn queries(&self, positions: Range<usize>) -> Matrix {
        let Heads {
            kv_heads, group, ..
        } = self.heads;
        let count = positions.len();
        let mut queries = Matrix::new(count, kv_heads * group * self.heads.head_dim);
        let all = positions.flat_map(|position| {
            (0..kv_heads * group).flat_map(move |head| self.vector(3, head, position))
        });
        let rows = queries.head_mut(count);
        rows.iter_mut().zip(all).for_each(|(to, x)| *to = x);
        queries
    }

    /// What attention finds at some positions, in one step.
    fn attend(
        &self,
        pool: &mut Pool,
        set: InstructionSet,
        window: Option<usize>,
        positions: Range<usize>,
    ) -> Vec<f32> {
        let sampling = Sampling::greedy();
        let rows = [Row {
            sequence: SequenceId(0),
            blocks: &self.blocks,
            start: positions.start,
            tokens: &self.tokens[positions.clone()],
            sample: 0..0,
            given: Given::default(),
            choice: Choice::new(&sampling),
        }];
        let queries = self.queries(positions.clone());
        let attention = Attention {
            set,
            heads: self.heads,
            cache: &self.cache,
            layer: 0,
            window,
            step: &Step::new(&rows),
            queries: &queries,
        };
        let mut out = Matrix::new(positions.len(), queries.width());
        attention.run(pool, &mut Vec::new(), &mut out);
        out.head_mut(positions.len()).to_vec()
    }

    /// The same by the book.
    fn exact(&self, window: Option<usize>, position: usize) -> Vec<f64> {
        let Heads {
            kv_heads, group, ..
        } = self.heads;
        let seen = (position + 1).saturating_sub(window.unwrap_or(usize::MAX))..position + 1;
        let of_head = |head: usize| {
            let query = self.vector(3, head, position);
            let score = |p| dot(&query, &self.key(head / group, p)).exp();
            let scores: Vec<f64> = seen.clone().map(score).collect();
            let mut out = vec![0.0; query.len()];
            for (p, score) in seen.clone().zip(&scores) {
                let values = self.value(head / group, p);
                let weighted = values.iter().map(|x| f64::from(*x) * score);
                out.iter_mut().zip(weighted).for_each(|(out, x)| *out += x);
            }
            let sum: f64 = scores.iter().sum();
            out.into_iter().map(move |x| x / sum)
        };
        (0..kv_heads * group).flat_map(of_head).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

const WINDOWS: [Option<usize>; 9] = [
    None,
    Some(1),
    Some(2),
    Some(16),
    Some(25),
    Some(SPAN - 1),
    Some(SPAN),
    Some(SPAN + 5),
    Some(LENGTH + 1),
];

#[test]
fn attention_is_what_the_book_says_with_any_heads_and_any_window() {
    let mut pool = Pool::new(2).unwrap();
    for (kv_heads, group, head_dim) in [(1, 7, 10), (3, 1, 16), (2, 5, 33), (2, 2, 64)] {
        let setting = Setting::new(kv_heads, group, head_dim);
        for window in WINDOWS {
            let set = InstructionSet::detect();
            let found = setting.attend(&mut pool, set, window, 0..LENGTH);
            let width = found.len() / LENGTH;
            for position in [0, 1, 15, 16, 17, 127, 128, 129, 200, 255, 256, LENGTH - 1] {
                let exact = setting.exact(window, position);
                let found = &found[position * width..][..width];
                for (found, exact) in found.iter().zip(&exact) {
                    let error = (f64::from(*found) - exact).abs();
                    assert!(error < 1e-5, "{:?}, {window:?}, {position}", setting.heads);
                }
            }
        }
    }
}

#[test]
fn a_position_finds_the_same_bits_alone_and_in_a_prompt_on_every_instruction_set() {
    let mut pool = Pool::new(2).unwrap();
    let setting = Setting::new(2, 3, 20);
    for window in WINDOWS {
        let portable = InstructionSet::Portable;
        let whole = setting.attend(&mut pool, portable, window, 0..LENGTH);
        let width = whole.len() / LENGTH;
        for set in InstructionSet::available() {
            assert_eq!(setting.attend(&mut pool, set, window, 0..LENGTH), whole);
            for positions in [0..1, 127..128, 128..129, 150..157, LENGTH - 1..LENGTH] {
                let found = setting.attend(&mut pool, set, window, positions.clone());
                let wanted = &whole[positions.start * width..positions.end * width];
                assert_eq!(found, wanted, "{window:?}, {positions:?}, {set}");
            }
        }
    }
}

#[test]
fn what_a_window_hides_cannot_be_felt() {
    let mut pool = Pool::new(1).unwrap();
    let mut setting = Setting::new(1, 2, 8);
    let (last, window) = (LENGTH - 1..LENGTH, Some(50));
    let set = InstructionSet::detect();
    let clean = setting.attend(&mut pool, set, window, last.clone());
    let shape = setting.cache.shape();
    for position in 0..LENGTH - 50 {
        let place = Place::of(position, &setting.blocks, BLOCK_SIZE);
        shape.write(
            setting.cache.layer_mut(0),
            place,
            &[f32::NAN; 8],
            &[f32::NAN; 8],
        );
    }
    assert_eq!(setting.attend(&mut pool, set, window, last.clone()), clean);
    let seen = setting.attend(&mut pool, set, Some(51), last);
    assert!(seen.iter().any(|x| x.is_nan()));
}
