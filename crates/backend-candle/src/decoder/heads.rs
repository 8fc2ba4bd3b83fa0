//! What becomes of a step's heads between their projection and attention.

use stream_checkpoint::{Architecture, CheckpointError, LayerWeight, WeightId, Weights};

use super::{Context, Shapes};
use crate::kv::{KvCache, Place};
use crate::simd::Number;

/// Fewer tokens than this are not worth a second thread where a token is little work.
const LEAST_TOKENS: usize = 8;

/// The weights of the norms that each head of the queries and keys goes through.
#[derive(Debug)]
pub(super) struct HeadNorms {
    query: Vec<f32>,
    key: Vec<f32>,
}

impl HeadNorms {
    /// Those of the block with this number, if the model has any.
    pub(super) fn load(
        architecture: &Architecture,
        weights: &Weights,
        number: usize,
    ) -> Result<Option<Self>, CheckpointError> {
        if !architecture.qk_norm {
            return Ok(None);
        }
        let numbers = |weight| {
            let tensor = weights.get(WeightId::Layer(number, weight))?;
            Ok(tensor.to_f32())
        };
        Ok(Some(Self {
            query: numbers(LayerWeight::QueryNorm)?,
            key: numbers(LayerWeight::KeyNorm)?,
        }))
    }
}

impl Context<'_> {
    /// Computes the turns of every token's position; they are the same in each layer.
    pub(super) fn turn(&mut self) {
        let tokens = self.step.tokens();
        let turns = &mut self.scratch.turns;
        let width = turns.width();
        self.pool.for_each_chunk(
            turns.head_mut(tokens.len()),
            width.max(1),
            LEAST_TOKENS,
            |token, turn| {
                self.rotation.turn(tokens[token].position, turn);
            },
        );
    }

    /// Norms queries and keys where the model does, turns them where the layer does, and divides
    /// queries by the root of the head's width.
    pub(super) fn place(&mut self, norms: Option<&HeadNorms>, rotary: bool) {
        let architecture = self.architecture;
        let (dim, heads) = (architecture.head_dim, architecture.heads);
        let scale = 1.0 / (dim as f32).sqrt();
        let turns = &self.scratch.turns;
        let width = self.scratch.qkv.width();
        let rows = self.scratch.qkv.head_mut(self.step.tokens().len());
        self.pool
            .for_each_chunk(rows, width, LEAST_TOKENS, |token, row| {
                let placed = row.chunks_mut(dim).take(heads + architecture.kv_heads);
                for (number, head) in placed.enumerate() {
                    let is_query = number < heads;
                    if let Some(norms) = norms {
                        let weight = if is_query { &norms.query } else { &norms.key };
                        architecture.norm(weight).apply_in_place(self.set, head);
                    }
                    if rotary {
                        self.rotation.apply(turns.row(token), head);
                    }
                    if is_query {
                        head.iter_mut().for_each(|x| *x *= scale);
                    }
                }
            });
    }

    /// Writes keys and values into the cache. Threads share the work by heads, whose places lie
    /// apart whatever the blocks are.
    pub(super) fn store<N: Number>(&mut self, cache: &mut KvCache<N>, layer: usize) {
        let (shape, length) = (cache.shape(), cache.head_length());
        let tokens = self.step.tokens();
        let qkv = &self.scratch.qkv;
        let queries = self.architecture.heads * shape.head_dim;
        let keys = shape.kv_heads * shape.head_dim;
        let least = if tokens.len() < LEAST_TOKENS {
            shape.kv_heads
        } else {
            1
        };
        self.pool
            .for_each_chunk(cache.layer_mut(layer), length, least, |head, data| {
                for (index, token) in tokens.iter().enumerate() {
                    let of_head = &qkv.row(index)[queries + head * shape.head_dim..];
                    let key = &of_head[..shape.head_dim];
                    let value = &of_head[keys..][..shape.head_dim];
                    let place =
                        Place::of(token.position, self.step.blocks(token), shape.block_size);
                    shape.write(data, place, key, value);
                }
            });
    }
}
