//! The decoder: from tokens to logits, for a packed batch.

mod heads;
mod layer;
mod scratch;

use std::sync::Arc;

use stream_checkpoint::{Architecture, CheckpointError, WeightId, Weights};

use crate::Precision;
use crate::attention::Heads;
use crate::functions::RmsNorm;
use crate::kv::KvCache;
use crate::linear::{Forms, Input, Linear, Mode, Product, multiply};
use crate::matrix::Matrix;
use crate::pool::Pool;
use crate::rotary::Rotation;
use crate::simd::{InstructionSet, Number};
use crate::step::Step;
use layer::Layer;
use scratch::Scratch;

/// A model's weights, packed, with the memory that a step needs.
#[derive(Debug)]
pub(crate) struct Decoder {
    set: InstructionSet,
    architecture: Architecture,
    /// The file, for the rows of the token embedding.
    weights: Arc<Weights>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Linear,
    head_input: Input,
    rotation: Rotation,
    scratch: Scratch,
}

/// What one layer needs besides its weights.
struct Context<'a> {
    pool: &'a mut Pool,
    set: InstructionSet,
    architecture: &'a Architecture,
    rotation: &'a Rotation,
    step: &'a Step<'a>,
    scratch: &'a mut Scratch,
}

/// The most that one step can take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepLimits {
    /// Input tokens.
    pub(crate) tokens: usize,
    /// Rows of logits that are computed at once.
    pub(crate) logits: usize,
}

impl Decoder {
    /// Packs a model's weights on all threads.
    pub(crate) fn load(
        pool: &mut Pool,
        set: InstructionSet,
        architecture: &Architecture,
        weights: &Arc<Weights>,
        precision: Precision,
        limits: StepLimits,
    ) -> Result<Self, CheckpointError> {
        let layers: Vec<_> = (0..architecture.layers)
            .map(|layer| Layer::load(pool, architecture, weights, layer, precision))
            .collect::<Result<_, _>>()?;
        let head = Linear::pack(pool, weights.get(WeightId::OutputHead)?, precision);
        let forms = |f: fn(&Layer) -> Forms| layers.iter().map(f).fold(Forms::default(), Forms::or);
        let scratch = Scratch::new(architecture, limits.tokens, forms);
        Ok(Self {
            set,
            architecture: architecture.clone(),
            weights: weights.clone(),
            norm: weights.get(WeightId::OutputNorm)?.to_f32(),
            head_input: Input::new(limits.logits, architecture.hidden, head.forms()),
            head,
            rotation: Rotation::new(&architecture.rotary),
            layers,
            scratch,
        })
    }

    /// Takes every token of a step through the layers and writes its keys and values.
    pub(crate) fn forward<N: Number>(
        &mut self,
        pool: &mut Pool,
        cache: &mut KvCache<N>,
        step: &Step<'_>,
    ) -> Result<(), CheckpointError> {
        self.embed(pool, step)?;
        let mut context = Context {
            pool,
            set: self.set,
            architecture: &self.architecture,
            rotation: &self.rotation,
            step,
            scratch: &mut self.scratch,
        };
        context.turn();
        for (number, layer) in self.layers.iter().enumerate() {
            layer.forward(&mut context, cache, number);
        }
        Ok(())
    }

    /// The logits after some tokens of the step that went [`forward`](Self::forward) last, row
    /// by row into `out`.
    pub(crate) fn logits(&mut self, pool: &mut Pool, tokens: &[usize], out: &mut Matrix) {
        let norm = self.architecture.norm(&self.norm);
        let hidden = &self.scratch.hidden;
        let normed =
            |row: usize, out: &mut [f32]| norm.apply(self.set, hidden.row(tokens[row]), out);
        let rows = self.head_input.fill(pool, self.set, tokens.len(), normed);
        let product = Product {
            weights: &self.head,
            column: 0,
        };
        multiply(pool, self.set, rows, &[product], out, Mode::Store);
    }

    fn embed(&mut self, pool: &mut Pool, step: &Step<'_>) -> Result<(), CheckpointError> {
        /// Fewer rows than this are not worth a second thread.
        const LEAST_ROWS: usize = 8;
        let embedding = self.weights.get(WeightId::TokenEmbedding)?;
        let tokens = step.tokens();
        let rows = self.scratch.hidden.head_mut(tokens.len());
        pool.for_each_chunk(rows, self.architecture.hidden, LEAST_ROWS, |token, row| {
            embedding.row_to_f32(tokens[token].id as usize, row);
        });
        Ok(())
    }
}

/// What the decoder asks of a description.
trait Shapes {
    fn norm<'a>(&self, weight: &'a [f32]) -> RmsNorm<'a>;
    fn arrangement(&self) -> Heads;
}

impl Shapes for Architecture {
    fn norm<'a>(&self, weight: &'a [f32]) -> RmsNorm<'a> {
        RmsNorm {
            weight,
            epsilon: self.norm_epsilon,
        }
    }

    fn arrangement(&self) -> Heads {
        Heads {
            kv_heads: self.kv_heads,
            group: self.heads / self.kv_heads,
            head_dim: self.head_dim,
        }
    }
}
