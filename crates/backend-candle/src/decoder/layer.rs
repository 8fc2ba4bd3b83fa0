//! One block of the decoder.

use stream_checkpoint::{
    Architecture, CheckpointError, LayerAttention, LayerWeight, WeightId, Weights,
};

use super::heads::HeadNorms;
use super::{Context, Shapes};
use crate::Precision;
use crate::attention::Attention;
use crate::functions::silu_gate;
use crate::kv::KvCache;
use crate::linear::{Forms, Linear, Mode, Product, multiply};
use crate::pool::Pool;
use crate::simd::Number;

/// A block's weights.
#[derive(Debug)]
pub(super) struct Layer {
    attention: LayerAttention,
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    head_norms: Option<HeadNorms>,
    attention_output: Linear,
    feed_forward_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    /// Packs the weights of the block with this number.
    pub(super) fn load(
        pool: &mut Pool,
        architecture: &Architecture,
        weights: &Weights,
        number: usize,
        precision: Precision,
    ) -> Result<Self, CheckpointError> {
        use LayerWeight as W;
        let biases = architecture.biases;
        let tensor = |weight| weights.get(WeightId::Layer(number, weight));
        let numbers = |weight| Ok(tensor(weight)?.to_f32());
        let mut matrix = |weight| Ok(Linear::pack(pool, tensor(weight)?, precision));
        let mut biased = |weight, bias: Option<W>| match bias {
            Some(bias) => Ok(matrix(weight)?.with_bias(&numbers(bias)?)),
            None => matrix(weight),
        };
        let (attention, output, ffn) = (
            |bias| biases.query_key_value.then_some(bias),
            |bias| biases.attention_output.then_some(bias),
            |bias| biases.feed_forward.then_some(bias),
        );
        Ok(Self {
            attention: architecture.attention[number],
            attention_norm: numbers(W::AttentionNorm)?,
            query: biased(W::Query, attention(W::QueryBias))?,
            key: biased(W::Key, attention(W::KeyBias))?,
            value: biased(W::Value, attention(W::ValueBias))?,
            head_norms: HeadNorms::load(architecture, weights, number)?,
            attention_output: biased(W::AttentionOutput, output(W::AttentionOutputBias))?,
            feed_forward_norm: numbers(W::FeedForwardNorm)?,
            gate: biased(W::Gate, ffn(W::GateBias))?,
            up: biased(W::Up, ffn(W::UpBias))?,
            down: biased(W::Down, ffn(W::DownBias))?,
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
        context.place(self.head_norms.as_ref(), self.attention.rotary);
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
            window: self.attention.window,
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
