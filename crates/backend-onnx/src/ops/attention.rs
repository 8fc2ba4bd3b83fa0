//! `PagedAttention`: from projected queries, keys and values to what attention finds.

use std::sync::Arc;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;
use stream_checkpoint::{Architecture, LayerAttention};

use super::Shared;
use super::context::{Input, OPTIONAL, Parts, REQUIRED, for_each, guarded, output};
use super::leftover::{Leftover, rows_in_task};
use crate::attention::{Accumulator, Run, Step};
use crate::functions::RmsNorm;
use crate::rotary::Rotation;

/// Fewer tokens than this are not worth a second thread where a token is little work.
const LEAST_TOKENS: usize = 4;

/// How heads are arranged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadShape {
    heads: usize,
    kv_heads: usize,
    dim: usize,
}

impl HeadShape {
    pub(crate) fn new(architecture: &Architecture) -> Self {
        Self {
            heads: architecture.heads,
            kv_heads: architecture.kv_heads,
            dim: architecture.head_dim,
        }
    }

    /// Numbers in a token's queries, keys and values.
    pub(crate) fn projected(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    /// Numbers in a token's result.
    pub(crate) fn attended(&self) -> usize {
        self.heads * self.dim
    }

    /// Numbers in the queries that share a key-value head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads * self.dim
    }
}

/// Inputs: queries, keys and values side by side; the rows and leftovers of their matrix, if it has
/// any; the weights of the norms of each head's queries and keys, if it has them. The attribute
/// `layer` says which layer it is. Positions and blocks are those of the step that runs, and keys
/// and values go into the model's cache: they are no values of the graph.
pub(crate) struct AttentionOperator {
    pub(crate) shape: HeadShape,
    pub(crate) epsilon: f32,
    pub(crate) rotation: Rotation,
    pub(crate) layers: Vec<LayerAttention>,
    pub(crate) shared: Arc<Shared>,
}

impl AttentionOperator {
    pub(crate) const NAME: &str = "PagedAttention";
}

impl Operator for AttentionOperator {
    type Kernel<'attr> = AttentionKernel;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [REQUIRED, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<AttentionKernel> {
        let layer = node
            .get::<i64>("layer")
            .and_then(|layer| usize::try_from(layer).ok());
        let attention = layer.and_then(|layer| Some((layer, *self.layers.get(layer)?)));
        let missing = || ort::Error::new("PagedAttention lacks the attribute `layer`");
        let (layer, attention) = attention.ok_or_else(missing)?;
        Ok(AttentionKernel {
            shape: self.shape,
            epsilon: self.epsilon,
            rotation: self.rotation.clone(),
            layer,
            attention,
            shared: self.shared.clone(),
            placed: Vec::new(),
        })
    }
}

pub(crate) struct AttentionKernel {
    shape: HeadShape,
    epsilon: f32,
    rotation: Rotation,
    layer: usize,
    attention: LayerAttention,
    shared: Arc<Shared>,
    /// Queries, keys and values of the step, normed and turned.
    placed: Vec<f32>,
}

impl Kernel for AttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| self.attend(context))
    }
}

/// Weights of the norms of each head's queries and keys.
type HeadNorms<'a> = Option<[RmsNorm<'a>; 2]>;

impl AttentionKernel {
    fn attend(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let shared = self.shared.clone();
        let step = shared.step();
        let tokens = step.tokens().len();
        self.place(context, &step)?;
        self.store(context, &step)?;
        let width = self.shape.attended();
        let mut out = output(context, 0, tokens, width)?;
        let out = Parts::new(out.try_extract_tensor_mut::<f32>()?.1);
        let (runs, heads) = (step.runs(), self.shape.kv_heads);
        for_each(context, runs.len() * heads, |task| {
            self.attend_run(&step, &runs[task / heads], task % heads, &out);
        })
    }

    /// Completes queries, keys and values, norms and turns them, and divides queries by the root of
    /// the head's width.
    fn place(&mut self, context: &ComputeContext, step: &Step) -> ort::Result<()> {
        let inputs = [0, 1, 2, 3, 4].map(|index| Input::new(context, index));
        let [projected, rows, leftover, query_norm, key_norm] = inputs;
        let (projected, rows, leftover) = (projected?, rows?, leftover?);
        let (query_norm, key_norm) = (query_norm?, key_norm?);
        let (projected, width) = (projected.required()?, self.shape.projected());
        let tokens = step.tokens().len();
        let leftover = Leftover::new(rows.optional()?, leftover.optional()?, tokens, width);
        let epsilon = self.epsilon;
        let norms = query_norm.optional()?.zip(key_norm.optional()?);
        let norms =
            norms.map(|(query, key)| [query, key].map(|weight| RmsNorm { weight, epsilon }));
        let mut placed = std::mem::take(&mut self.placed);
        placed.clear();
        placed.extend_from_slice(&projected[..tokens * width]);
        let parts = Parts::new(&mut placed);
        let together = rows_in_task(tokens);
        let some = |task: usize| {
            let tokens = task * together..tokens.min((task + 1) * together);
            // SAFETY: each task has rows of its own.
            let mut rows = unsafe { parts.rows(tokens.clone(), width, 0..width) };
            if let Some(leftover) = leftover {
                leftover.add(self.shared.set, tokens.start, 0, &mut rows);
            }
            for (token, row) in tokens.zip(rows) {
                self.place_row(step.turn(token), &norms, row);
            }
        };
        let tasks = tokens.div_ceil(together);
        match tokens < LEAST_TOKENS {
            true => (0..tasks).for_each(some),
            false => for_each(context, tasks, some)?,
        }
        self.placed = placed;
        Ok(())
    }

    fn place_row(&self, turn: &[f32], norms: &HeadNorms<'_>, row: &mut [f32]) {
        let HeadShape {
            heads,
            kv_heads,
            dim,
        } = self.shape;
        let scale = 1.0 / (dim as f32).sqrt();
        for (number, head) in row.chunks_mut(dim).take(heads + kv_heads).enumerate() {
            let is_query = number < heads;
            if let Some([query, key]) = norms {
                let norm = if is_query { query } else { key };
                norm.apply(self.shared.set, head);
            }
            if self.attention.rotary {
                self.rotation.apply(turn, head);
            }
            if is_query {
                head.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }

    /// Writes keys and values into the cache, a head at a time.
    fn store(&self, context: &ComputeContext, step: &Step) -> ort::Result<()> {
        let HeadShape {
            heads,
            kv_heads,
            dim,
        } = self.shape;
        let width = self.shape.projected();
        let store = |head: usize| {
            let mut cache = self.shared.cache.write(self.layer, head);
            for (token, row) in step.tokens().iter().zip(self.placed.chunks(width)) {
                let key = &row[(heads + head) * dim..][..dim];
                let value = &row[(heads + kv_heads + head) * dim..][..dim];
                cache.store(token.position, step.blocks(token), key, value);
            }
        };
        match step.tokens().len() < LEAST_TOKENS {
            true => (0..kv_heads).for_each(store),
            false => for_each(context, kv_heads, store)?,
        }
        Ok(())
    }

    /// Attends with the queries of some tokens that share a key-value head.
    fn attend_run(&self, step: &Step, run: &Run, head: usize, out: &Parts<'_>) {
        let (width, group) = (self.shape.projected(), self.shape.group());
        let cache = self.shared.cache.read(self.layer, head);
        let mut sums = Accumulator::default();
        for index in run.clone() {
            let token = &step.tokens()[index];
            let queries = &self.placed[index * width + head * group..][..group];
            let end = token.position + 1;
            let window = self.attention.window;
            let start = window.map_or(0, |window| end.saturating_sub(window));
            // SAFETY: each task has its own tokens and, of them, a head's own columns.
            let out = unsafe { out.part(index * self.shape.attended() + head * group, group) };
            sums.attend(
                self.shared.set,
                &cache,
                step.blocks(token),
                start..end,
                queries,
                out,
            );
        }
    }
}
