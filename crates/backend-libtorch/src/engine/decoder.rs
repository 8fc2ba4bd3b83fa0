//! The decoder that an architecture describes, in libtorch's operators.

use std::sync::Arc;

use stream_checkpoint::{Architecture, TensorView, WeightId, Weights};
use tch::{Device, Kind, TchError, Tensor};

use super::LoadError;
use super::cache::KvCache;
use super::layer::{Context, Layer, Shapes};
use super::linear::{Linear, Loading, Part};
use super::rotary::Rotation;
use super::step::Step;

/// A model's weights and what to do with them.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Rows of the token embedding are read where they lie.
    weights: Arc<Weights>,
    width: usize,
    device: Device,
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
            device: loading.device,
            shapes: Shapes {
                epsilon: f64::from(a.norm_epsilon),
                kind: loading.kind(),
                passes: loading.passes,
                rotation,
            },
            layers,
            norm: Tensor::from_slice(&weights.get(WeightId::OutputNorm)?.to_f32())
                .f_to_device(loading.device)?,
            head: Linear::load(&[head], loading)?,
        })
    }

    /// Takes every token of a step through the layers and writes its keys and values; the
    /// residual stream after them, `[tokens, hidden]`.
    pub(super) fn forward(&self, cache: &mut KvCache, step: &Step) -> Result<Tensor, TchError> {
        let mut hidden = self.embed(step)?;
        let turns = self.shapes.rotation.turns(&step.positions, self.device)?;
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

    /// The logits of some rows of the residual stream, `[rows, vocabulary]` of `f32`, in memory of
    /// their own, which is this machine's.
    pub(super) fn logits(&self, hidden: &Tensor, rows: &[i64]) -> Result<Tensor, TchError> {
        let Shapes {
            epsilon,
            kind,
            passes,
            ..
        } = self.shapes;
        let rows = Tensor::from_slice(rows).f_to_device(self.device)?;
        let hidden = hidden.f_index_select(0, &rows)?;
        let normed = passes.norm(&hidden, &self.norm, epsilon, kind)?;
        let logits = self.head.multiply(&normed)?.f_to_kind(Kind::Float)?;
        let mut logits = logits.f_to_device(Device::Cpu)?.f_contiguous()?;
        if kind == Kind::BFloat16 {
            let normed = passes.norm(&hidden, &self.norm, epsilon, Kind::Float)?;
            let mut normed = normed.f_to_device(Device::Cpu)?.f_contiguous()?;
            self.refine(numbers(&mut logits), numbers(&mut normed))?;
        }
        Ok(logits)
    }

    /// Computes those logits anew, in `f32`, that may be the largest of their row: in `bf16` their
    /// steps are as wide as 0.125, and the choice between two in one step is not the model's.
    fn refine(&self, logits: &mut [f32], normed: &[f32]) -> Result<(), TchError> {
        /// How far below the largest, as a part of it: some eight steps.
        const NEAR: f32 = 1.0 / 32.0;
        let head = self.tensor(WeightId::OutputHead)?;
        let mut weights = vec![0.0; self.width];
        let width = head.shape().0;
        for (logits, normed) in logits
            .chunks_mut(width)
            .zip(normed.chunks_exact(self.width))
        {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let least = most - NEAR * most.abs();
            for (id, logit) in logits.iter_mut().enumerate() {
                if *logit >= least {
                    head.row_to_f32(id, &mut weights);
                    *logit = normed.iter().zip(&weights).map(|(x, w)| x * w).sum();
                }
            }
        }
        Ok(())
    }

    fn tensor(&self, weight: WeightId) -> Result<TensorView<'_>, TchError> {
        let missing = |error| TchError::Torch(format!("no {weight:?}: {error}"));
        self.weights.get(weight).map_err(missing)
    }

    fn embed(&self, step: &Step) -> Result<Tensor, TchError> {
        let embedding = self.tensor(WeightId::TokenEmbedding)?;
        let mut rows = vec![0.0; step.ids.len() * self.width];
        for (id, row) in step.ids.iter().zip(rows.chunks_mut(self.width)) {
            embedding.row_to_f32(*id as usize, row);
        }
        let rows = Tensor::from_slice(&rows).f_view([-1, self.width as i64])?;
        rows.f_to_device(self.device)
    }
}

/// The numbers of a tensor that nobody else has.
pub(super) fn numbers(tensor: &mut Tensor) -> &mut [f32] {
    debug_assert!(tensor.kind() == Kind::Float && tensor.is_contiguous());
    // SAFETY: it is a contiguous tensor of `f32` in this machine's memory, as the
    // decoder makes them, with `numel` numbers, and is borrowed for as long as the slice lives.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}
