//! The decoder that an architecture describes, in libtorch's operators.

use std::sync::Arc;

use stream_checkpoint::{Architecture, TensorView, WeightId, Weights};
use tch::{TchError, Tensor};

use super::LoadError;
use super::cache::KvCache;
use super::layer::{Context, Layer, Shapes, norm};
use super::linear::{Linear, Loading, Part};
use super::rotary::Rotation;
use super::step::Step;

/// A model's weights and what to do with them.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Rows of the token embedding are read where they lie.
    weights: Arc<Weights>,
    width: usize,
    shapes: Shapes,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
}

impl Decoder {
    pub(super) fn load(
        architecture: &Architecture,
        weights: &Arc<Weights>,
        loading: &Loading,
    ) -> Result<Self, LoadError> {
        let a = architecture;
        let rotation = Rotation::new(&a.rotary);
        let layers = (0..a.layers)
            .map(|layer| Layer::load(a, weights, &rotation, layer, loading))
            .collect::<Result<_, _>>()?;
        let head = Part::plain(weights.get(WeightId::OutputHead)?);
        Ok(Self {
            weights: weights.clone(),
            width: a.hidden,
            shapes: Shapes {
                heads: a.heads as i64,
                kv_heads: a.kv_heads as i64,
                head_dim: a.head_dim as i64,
                feed_forward: a.feed_forward as i64,
                epsilon: f64::from(a.norm_epsilon),
                rotation,
            },
            layers,
            norm: Tensor::from_slice(&weights.get(WeightId::OutputNorm)?.to_f32()),
            head: Linear::load(&[head], loading)?,
        })
    }

    /// Takes every token of a step through the layers and writes its keys and values; the
    /// residual stream after them, `[tokens, hidden]`.
    pub(super) fn forward(&self, cache: &mut KvCache, step: &Step) -> Result<Tensor, TchError> {
        let mut hidden = self.embed(step)?;
        let turns = self.shapes.rotation.turns(&step.positions)?;
        let context = Context {
            shapes: &self.shapes,
            step,
            turns: &turns,
        };
        for (number, layer) in self.layers.iter().enumerate() {
            layer.forward(&context, cache.layer_mut(number), &mut hidden)?;
        }
        Ok(hidden)
    }

    /// The logits of some rows of the residual stream, `[rows, vocabulary]`, in memory of their
    /// own.
    pub(super) fn logits(&self, hidden: &Tensor, rows: &[i64]) -> Result<Tensor, TchError> {
        let hidden = hidden.f_index_select(0, &Tensor::from_slice(rows))?;
        let normed = norm(&hidden, &self.norm, self.shapes.epsilon)?;
        self.head.multiply(&normed)?.f_contiguous()
    }

    fn embed(&self, step: &Step) -> Result<Tensor, TchError> {
        let missing = |error| TchError::Torch(format!("no token embedding: {error}"));
        let embedding: TensorView<'_> = self
            .weights
            .get(WeightId::TokenEmbedding)
            .map_err(missing)?;
        let mut rows = vec![0.0; step.ids.len() * self.width];
        for (id, row) in step.ids.iter().zip(rows.chunks_mut(self.width)) {
            embedding.row_to_f32(*id as usize, row);
        }
        Tensor::from_slice(&rows).f_view([-1, self.width as i64])
    }
}
