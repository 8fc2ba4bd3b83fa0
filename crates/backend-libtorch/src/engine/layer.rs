//! One block of the decoder.

use stream_checkpoint::{Architecture, LayerAttention, LayerWeight, TensorView, WeightId, Weights};
use tch::{TchError, Tensor};

use super::LoadError;
use super::attention::attend;
use super::cache::KvLayer;
use super::linear::{Linear, Loading, Part};
use super::rotary::{Rotation, Turns};
use super::step::Step;

/// What every block needs to know of the model.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) heads: i64,
    pub(super) kv_heads: i64,
    pub(super) head_dim: i64,
    pub(super) feed_forward: i64,
    pub(super) epsilon: f64,
    pub(super) rotation: Rotation,
}

/// What the blocks of one step share.
pub(super) struct Context<'a> {
    pub(super) shapes: &'a Shapes,
    pub(super) step: &'a Step,
    pub(super) turns: &'a Turns,
}

/// A block's weights.
#[derive(Debug)]
pub(super) struct Layer {
    attention: LayerAttention,
    attention_norm: Tensor,
    /// Queries, keys and values, side by side.
    qkv: Linear,
    /// Weights of the norms of each head of queries and keys, `[heads + kv_heads, head_dim]`.
    head_norms: Option<Tensor>,
    attention_output: Linear,
    feed_forward_norm: Tensor,
    /// Gate and up, side by side.
    gate_up: Linear,
    down: Linear,
}

/// Finds the tensors of a block.
struct Source<'a> {
    architecture: &'a Architecture,
    weights: &'a Weights,
    rotation: &'a Rotation,
    layer: usize,
}

impl<'a> Source<'a> {
    fn tensor(&self, weight: LayerWeight) -> Result<TensorView<'a>, LoadError> {
        Ok(self.weights.get(WeightId::Layer(self.layer, weight))?)
    }

    fn part(
        &self,
        weight: LayerWeight,
        bias: Option<LayerWeight>,
        rows: Vec<usize>,
    ) -> Result<Part<'a>, LoadError> {
        let bias = bias.map(|bias| self.tensor(bias)).transpose()?;
        let weight = self.tensor(weight)?;
        Ok(Part { weight, bias, rows })
    }

    /// All rows in the order of the file.
    fn plain(&self, weight: LayerWeight, bias: Option<LayerWeight>) -> Result<Part<'a>, LoadError> {
        let rows = self.tensor(weight)?.shape().0;
        self.part(weight, bias, (0..rows).collect())
    }

    /// Rows of heads that are rotated, in the order in which the engine rotates them.
    fn rotated(
        &self,
        weight: LayerWeight,
        bias: Option<LayerWeight>,
    ) -> Result<Part<'a>, LoadError> {
        let dim = self.architecture.head_dim;
        let rows = self.tensor(weight)?.shape().0;
        let row = |row| row / dim * dim + self.rotation.row(row % dim);
        self.part(weight, bias, (0..rows).map(row).collect())
    }

    fn numbers(&self, weight: LayerWeight) -> Result<Tensor, LoadError> {
        Ok(Tensor::from_slice(&self.tensor(weight)?.to_f32()))
    }

    /// A head's norm in the order in which the engine rotates, once for each of `heads`.
    fn head_norm(&self, weight: LayerWeight, heads: usize) -> Result<Vec<f32>, LoadError> {
        let numbers = self.tensor(weight)?.to_f32();
        let head = (0..numbers.len()).map(|row| numbers[self.rotation.row(row)]);
        Ok(head.collect::<Vec<_>>().repeat(heads))
    }

    fn head_norms(&self) -> Result<Option<Tensor>, LoadError> {
        let a = self.architecture;
        if !a.qk_norm {
            return Ok(None);
        }
        let queries = self.head_norm(LayerWeight::QueryNorm, a.heads)?;
        let keys = self.head_norm(LayerWeight::KeyNorm, a.kv_heads)?;
        let all = Tensor::from_slice(&[queries, keys].concat());
        Ok(Some(all.f_view([-1, a.head_dim as i64])?))
    }
}

impl Layer {
    /// Takes the weights of the block with this number.
    pub(super) fn load(
        architecture: &Architecture,
        weights: &Weights,
        rotation: &Rotation,
        layer: usize,
        loading: &Loading,
    ) -> Result<Self, LoadError> {
        use LayerWeight as W;
        let biases = architecture.biases;
        let source = Source {
            architecture,
            weights,
            rotation,
            layer,
        };
        let (attention, output, ffn) = (
            |bias| biases.query_key_value.then_some(bias),
            |bias| biases.attention_output.then_some(bias),
            |bias| biases.feed_forward.then_some(bias),
        );
        let qkv = [
            source.rotated(W::Query, attention(W::QueryBias))?,
            source.rotated(W::Key, attention(W::KeyBias))?,
            source.plain(W::Value, attention(W::ValueBias))?,
        ];
        let attention_output = source.plain(W::AttentionOutput, output(W::AttentionOutputBias))?;
        let gate_up = [
            source.plain(W::Gate, ffn(W::GateBias))?,
            source.plain(W::Up, ffn(W::UpBias))?,
        ];
        let down = source.plain(W::Down, ffn(W::DownBias))?;
        Ok(Self {
            attention: architecture.attention[layer],
            attention_norm: source.numbers(W::AttentionNorm)?,
            qkv: Linear::load(&qkv, loading)?,
            head_norms: source.head_norms()?,
            attention_output: Linear::load(&[attention_output], loading)?,
            feed_forward_norm: source.numbers(W::FeedForwardNorm)?,
            gate_up: Linear::load(&gate_up, loading)?,
            down: Linear::load(&[down], loading)?,
        })
    }

    /// Takes the residual stream, `[tokens, hidden]`, through the block.
    pub(super) fn forward(
        &self,
        context: &Context<'_>,
        cache: &mut KvLayer,
        hidden: &mut Tensor,
    ) -> Result<(), TchError> {
        let attended = self.attend(context, cache, hidden)?;
        let _ = hidden.f_add_(&self.attention_output.multiply(&attended)?)?;
        let gated = self.gate(context.shapes, hidden)?;
        let _ = hidden.f_add_(&self.down.multiply(&gated)?)?;
        Ok(())
    }

    fn attend(
        &self,
        context: &Context<'_>,
        cache: &mut KvLayer,
        hidden: &Tensor,
    ) -> Result<Tensor, TchError> {
        let shapes = context.shapes;
        let normed = norm(hidden, &self.attention_norm, shapes.epsilon)?;
        let (placed, keys) = (shapes.heads + shapes.kv_heads, shapes.kv_heads);
        let qkv = self.qkv.multiply(&normed)?;
        let qkv = qkv.f_view([-1, placed + keys, shapes.head_dim])?;
        let mut heads = qkv.f_narrow(1, 0, placed)?;
        if let Some(weights) = &self.head_norms {
            heads = norm_heads(&heads, weights, shapes.epsilon)?;
        }
        if self.attention.rotary {
            shapes.rotation.apply(context.turns, &heads)?;
        }
        let keys_now = heads.f_narrow(1, shapes.heads, keys)?;
        let values_now = qkv.f_narrow(1, placed, keys)?;
        cache.write(&context.step.slots, &keys_now, &values_now)?;
        let view = context.step.view(self.attention.window);
        attend(&heads.f_narrow(1, 0, shapes.heads)?, cache, view)
    }

    /// The gate of the feed-forward (arXiv:2002.05202): `silu(gate) * up`.
    fn gate(&self, shapes: &Shapes, hidden: &Tensor) -> Result<Tensor, TchError> {
        let normed = norm(hidden, &self.feed_forward_norm, shapes.epsilon)?;
        let both = self.gate_up.multiply(&normed)?;
        let width = shapes.feed_forward;
        let mut gate = both.f_narrow(1, 0, width)?.f_silu()?;
        gate.f_mul_(&both.f_narrow(1, width, width)?)?
            .f_contiguous()
    }
}

/// Root-mean-square norm of the last dimension (arXiv:1910.07467).
pub(super) fn norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor, TchError> {
    x.f_rms_norm(weight.size(), Some(weight), epsilon)
}

/// The same, with weights for each head, `[heads, head_dim]`.
fn norm_heads(x: &Tensor, weights: &Tensor, epsilon: f64) -> Result<Tensor, TchError> {
    let dim = *weights.size().last().unwrap_or(&0);
    x.f_rms_norm([dim], None::<&Tensor>, epsilon)?
        .f_mul_(weights)
}
