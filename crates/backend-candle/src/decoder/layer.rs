//! One block of the decoder.

use stream_checkpoint::{CheckpointError, LayerWeight, WeightId, Weights};

use super::{Context, Shapes};
use crate::Precision;
use crate::attention::Attention;
use crate::functions::silu_gate;
use crate::kv::{KvCache, Place};
use crate::linear::{Forms, Linear, Mode, Product, multiply};
use crate::pool::Pool;
use crate::simd::Number;

/// Fewer tokens than this are not worth a second thread where a token is little work.
const LEAST_TOKENS: usize = 8;

/// A block's weights.
#[derive(Debug)]
pub(super) struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    feed_forward_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    pub(super) fn load(
        pool: &mut Pool,
        weights: &Weights,
        number: usize,
        precision: Precision,
    ) -> Result<Self, CheckpointError> {
        use LayerWeight as W;
        let tensor = |weight| weights.get(WeightId::Layer(number, weight));
        let mut matrix = |weight| Ok(Linear::pack(pool, tensor(weight)?, precision));
        Ok(Self {
            attention_norm: tensor(W::AttentionNorm)?.to_f32(),
            query: matrix(W::Query)?,
            key: matrix(W::Key)?,
            value: matrix(W::Value)?,
            attention_output: matrix(W::AttentionOutput)?,
            feed_forward_norm: tensor(W::FeedForwardNorm)?.to_f32(),
            gate: matrix(W::Gate)?,
            up: matrix(W::Up)?,
            down: matrix(W::Down)?,
        })
    }

    /// In which forms both halves read the normed residual stream.
    pub(super) fn normed_forms(&self) -> Forms {
        let readers = [&self.query, &self.key, &self.value, &self.gate, &self.up];
        readers
            .map(Linear::forms)
            .into_iter()
            .fold(Forms::default(), Forms::or)
    }

    /// In which forms the result of attention is read.
    pub(super) fn attended_forms(&self) -> Forms {
        self.attention_output.forms()
    }

    /// In which forms the gated feed-forward is read.
    pub(super) fn gated_forms(&self) -> Forms {
        self.down.forms()
    }

    /// Takes the residual stream through the block with this number.
    pub(super) fn forward<N: Number>(
        &self,
        context: &mut Context<'_>,
        cache: &mut KvCache<N>,
        number: usize,
    ) {
        self.project(context);
        context.rotate();
        context.store(cache, number);
        self.attend(context, cache, number);
        self.feed_forward(context);
    }

    /// Queries, keys and values of every token.
    fn project(&self, context: &mut Context<'_>) {
        let queries = self.query.outputs();
        let products = [
            Product {
                weights: &self.query,
                column: 0,
            },
            Product {
                weights: &self.key,
                column: queries,
            },
            Product {
                weights: &self.value,
                column: queries + self.key.outputs(),
            },
        ];
        let Context {
            pool,
            set,
            architecture,
            step,
            scratch,
            ..
        } = context;
        let norm = architecture.norm(&self.attention_norm);
        let hidden = &scratch.hidden;
        let normed = |token: usize, out: &mut [f32]| norm.apply(*set, hidden.row(token), out);
        let rows = scratch.normed.fill(pool, *set, step.tokens().len(), normed);
        multiply(pool, *set, rows, &products, &mut scratch.qkv, Mode::Store);
    }

    /// Adds what attention finds to the residual stream.
    fn attend<N: Number>(&self, context: &mut Context<'_>, cache: &KvCache<N>, number: usize) {
        let Context {
            pool,
            set,
            architecture,
            step,
            scratch,
            ..
        } = context;
        let attention = Attention {
            set: *set,
            heads: architecture.arrangement(),
            cache,
            layer: number,
            step,
            queries: &scratch.qkv,
        };
        attention.run(pool, &mut scratch.partials, &mut scratch.attended);
        let attended = &scratch.attended;
        let copy = |token: usize, out: &mut [f32]| out.copy_from_slice(attended.row(token));
        let rows = scratch
            .attended_input
            .fill(pool, *set, step.tokens().len(), copy);
        let product = Product {
            weights: &self.attention_output,
            column: 0,
        };
        multiply(pool, *set, rows, &[product], &mut scratch.hidden, Mode::Add);
    }

    /// Adds the feed-forward to the residual stream.
    fn feed_forward(&self, context: &mut Context<'_>) {
        let width = self.gate.outputs();
        let gate_up = [
            Product {
                weights: &self.gate,
                column: 0,
            },
            Product {
                weights: &self.up,
                column: width,
            },
        ];
        let down = Product {
            weights: &self.down,
            column: 0,
        };
        let Context {
            pool,
            set,
            architecture,
            step,
            scratch,
            ..
        } = context;
        let (set, tokens) = (*set, step.tokens().len());
        let norm = architecture.norm(&self.feed_forward_norm);
        let hidden = &scratch.hidden;
        let normed = |token: usize, out: &mut [f32]| norm.apply(set, hidden.row(token), out);
        let rows = scratch.normed.fill(pool, set, tokens, normed);
        multiply(pool, set, rows, &gate_up, &mut scratch.gate_up, Mode::Store);
        let gate_up = &scratch.gate_up;
        let rows = scratch.gated.fill(pool, set, tokens, |token, out| {
            let (gate, up) = gate_up.row(token).split_at(width);
            silu_gate(set, gate, up, out);
        });
        multiply(pool, set, rows, &[down], &mut scratch.hidden, Mode::Add);
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

    /// Turns queries and keys, and divides queries by the root of the head's width.
    fn rotate(&mut self) {
        let (dim, heads, kv_heads) = {
            let a = self.architecture;
            (a.head_dim, a.heads, a.kv_heads)
        };
        let scale = 1.0 / (dim as f32).sqrt();
        let turns = &self.scratch.turns;
        let width = self.scratch.qkv.width();
        let rows = self.scratch.qkv.head_mut(self.step.tokens().len());
        self.pool
            .for_each_chunk(rows, width, LEAST_TOKENS, |token, row| {
                let turn = turns.row(token);
                for (number, head) in row.chunks_mut(dim).take(heads + kv_heads).enumerate() {
                    self.rotation.apply(turn, head);
                    if number < heads {
                        head.iter_mut().for_each(|x| *x *= scale);
                    }
                }
            });
    }

    /// Writes keys and values into the cache. Threads share the work by heads, whose places lie
    /// apart whatever the blocks are.
    fn store<N: Number>(&mut self, cache: &mut KvCache<N>, layer: usize) {
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
