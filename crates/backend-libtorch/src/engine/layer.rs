//! One block of the decoder.

use stream_checkpoint::{Architecture, LayerAttention, LayerWeight, TensorView, WeightId, Weights};
use tch::{Device, Kind, TchError, Tensor};

use super::LoadError;
use super::attention::attend;
use super::cache::KvLayer;
use super::fused::HeadNorms;
use super::linear::{Linear, Loading, Part};
use super::operators::Passes;
use super::rotary::{Rotation, Turns};
use super::step::Step;

/// What every block needs to know of the model.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) epsilon: f64,
    /// Of what goes into products.
    pub(super) kind: Kind,
    pub(super) passes: Passes,
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

    fn head_norms(&self, device: Device) -> Result<Option<Tensor>, LoadError> {
        let a = self.architecture;
        if !a.qk_norm {
            return Ok(None);
        }
        let queries = self.head_norm(LayerWeight::QueryNorm, a.heads)?;
        let keys = self.head_norm(LayerWeight::KeyNorm, a.kv_heads)?;
        let all = Tensor::from_slice(&[queries, keys].concat());
        let all = all.f_view([-1, a.head_dim as i64])?;
        Ok(Some(all.f_to_device(device)?))
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
            attention_norm: source
                .numbers(W::AttentionNorm)?
                .f_to_device(loading.device)?,
            qkv: Linear::load(&qkv, loading)?,
            head_norms: source.head_norms(loading.device)?,
            attention_output: Linear::load(&[attention_output], loading)?,
            feed_forward_norm: source
                .numbers(W::FeedForwardNorm)?
                .f_to_device(loading.device)?,
            gate_up: Linear::load(&gate_up, loading)?,
            down: Linear::load(&[down], loading)?,
        })
    }

    /// Takes the residual stream, `[tokens, hidden]` of `f32`, through the block.
    pub(super) fn forward(
        &self,
        context: &Context<'_>,
        cache: &mut KvLayer,
        hidden: &mut Tensor,
    ) -> Result<(), TchError> {
        let Shapes {
            epsilon,
            kind,
            passes,
            ..
        } = *context.shapes;
        let normed = passes.norm(hidden, &self.attention_norm, epsilon, kind)?;
        let attended = self.attend(context, cache, &normed)?;
        passes.add(hidden, &self.attention_output.multiply(&attended)?)?;
        let normed = passes.norm(hidden, &self.feed_forward_norm, epsilon, kind)?;
        let gated = passes.gate(&self.gate_up.multiply(&normed)?, kind)?;
        passes.add(hidden, &self.down.multiply(&gated)?)
    }

    fn attend(
        &self,
        context: &Context<'_>,
        cache: &mut KvLayer,
        normed: &Tensor,
    ) -> Result<Tensor, TchError> {
        let qkv = self.qkv.multiply(normed)?;
        let norms = HeadNorms {
            weights: self.head_norms.as_ref(),
            epsilon: context.shapes.epsilon,
        };
        let turns = self.attention.rotary.then_some(context.turns);
        let queries =
            context
                .shapes
                .passes
                .place(&qkv, norms, turns, cache.at(&context.step.slots))?;
        let view = context.step.view(self.attention.window);
        attend(context.shapes.passes, &queries, cache, view)
    }
}
