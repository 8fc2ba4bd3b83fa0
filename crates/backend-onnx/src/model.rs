//! The engine's model: a decoder with its cache and its samplers.

use std::sync::{Arc, RwLock};

use rayon::prelude::*;
use stream_checkpoint::{Checkpoint, WeightId, Weights};
use stream_runtime::sample::Sampler;
use stream_runtime::{Batch, Model, ModelError, Next, Spec, Task};

use crate::attention::{KvCache, KvShape, Step};
use crate::ops::{AttentionOperator, HeadShape, Shared, domain};
use crate::rotary::Rotation;
use crate::session::{Decoder, Settings};
use crate::simd::InstructionSet;
use crate::{LoadError, OnnxOptions, Precision, decoder};

/// What a step costs whatever it holds, in tokens: see [`Spec::step_overhead`]. With SmolLM2-135M on
/// two cores a step of one token took 5.4 ms and one of eight 13 ms: 1.1 ms for each token, and four
/// times that for the step.
const STEP_OVERHEAD: usize = 4;

/// A decoder that ONNX Runtime runs, over packed, ragged batches and a paged cache.
#[derive(Debug)]
pub struct OnnxModel {
    spec: Spec,
    decoder: Decoder,
    shared: Arc<Shared>,
    rotation: Rotation,
    weights: Arc<Weights>,
    device: String,
    /// The residual stream that a step begins with.
    hidden: Vec<f32>,
    pool: rayon::ThreadPool,
    samplers: Vec<Sampler>,
}

impl OnnxModel {
    /// Whether a row's logits are the same bits alone and in any batch. ONNX Runtime's products
    /// take other paths for one row than for several, so they are not.
    pub const BATCH_INVARIANT: bool = false;

    /// Builds a checkpoint's graph and hands it to ONNX Runtime, which packs the weights for this
    /// CPU.
    ///
    /// # Errors
    /// If there is no usable library, an option is impossible, the model's numbers do not go
    /// together, or the system refuses memory or threads.
    pub fn load(checkpoint: &Checkpoint, options: &OnnxOptions) -> Result<Self, LoadError> {
        let architecture = checkpoint.architecture();
        if let Some(problem) = architecture.contradiction() {
            return Err(LoadError::Architecture { problem });
        }
        let capacity = options.capacity();
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = capacity.threads(available)?;
        let (vocabulary, context) = (architecture.vocabulary, architecture.context_length);
        let spec = Spec {
            step_overhead: STEP_OVERHEAD,
            shares_blocks: true,
            ..capacity.spec(vocabulary, context)?
        };
        let shape = KvShape::new(architecture, spec.blocks, spec.block_size);
        let tokens = spec.kv_tokens();
        let shared = Arc::new(Shared {
            set: InstructionSet::detect(),
            step: RwLock::default(),
            cache: KvCache::new(shape).ok_or(LoadError::KvCache { tokens })?,
        });
        let (decoder, device) = decoder(checkpoint, options, threads, &shared)?;
        Ok(Self {
            spec,
            decoder,
            shared,
            rotation: Rotation::new(&architecture.rotary),
            weights: checkpoint.weights().clone(),
            device,
            hidden: Vec::new(),
            pool: pool(threads)?,
            samplers: Vec::new(),
        })
    }

    /// What computes, and how: `cpu (2 threads, ONNX Runtime, accuracy level 4)`.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Takes a step and gives the logits at every position to be sampled, instead of sampling:
    /// one row of [`Spec::vocabulary`] numbers after the other. For tests and measurements.
    ///
    /// # Errors
    /// If the batch is not one that [`Model::launch`] takes, or ONNX Runtime fails.
    pub fn forward(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, ModelError> {
        self.step(batch, |logits, _, _| logits.to_vec())
    }

    /// Takes a step and calls `each` with the logits of all tasks, where to sample, and the tasks.
    fn step<T>(
        &mut self,
        batch: &Batch<'_>,
        each: impl FnOnce(&mut [f32], &mut Sampling<'_>, &[Task<'_>]) -> T,
    ) -> Result<T, ModelError> {
        batch.check(&self.spec)?;
        self.embed(batch)?;
        self.shared.begin(Step::new(batch.rows, &self.rotation));
        let (wanted, tasks): (Vec<_>, Vec<_>) = batch
            .tasks()
            .map(|(token, task)| (token as i64, task))
            .unzip();
        let mut sampling = Sampling::new(&self.pool, &mut self.samplers, tasks.len());
        let run = self.decoder.run(&self.hidden, &wanted, |logits| {
            each(logits, &mut sampling, &tasks)
        });
        run.map_err(ModelError::new)
    }

    /// Reads the embedding of every token from the file.
    fn embed(&mut self, batch: &Batch<'_>) -> Result<(), ModelError> {
        let embedding = self.weights.get(WeightId::TokenEmbedding);
        let embedding = embedding.map_err(ModelError::new)?;
        let (_, width) = embedding.shape();
        let ids = || batch.rows.iter().flat_map(|row| row.tokens);
        self.hidden.resize(ids().count() * width, 0.0);
        for (id, row) in ids().zip(self.hidden.chunks_mut(width)) {
            embedding.row_to_f32(*id as usize, row);
        }
        Ok(())
    }
}

impl Model for OnnxModel {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError> {
        self.step(batch, |logits, sampling, tasks| {
            sampling.perform(logits, tasks)
        })
    }

    fn collect(&mut self, ticket: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }
}

/// The decoder, and what computes it.
fn decoder(
    checkpoint: &Checkpoint,
    options: &OnnxOptions,
    threads: usize,
    shared: &Arc<Shared>,
) -> Result<(Decoder, String), LoadError> {
    let settings = Settings {
        library: options.library.as_deref(),
        threads,
        spinning: options.spinning,
    };
    let (architecture, weights) = (checkpoint.architecture(), checkpoint.weights());
    let graph = decoder::build(architecture, weights, options.precision)?;
    let attention = AttentionOperator {
        shape: HeadShape::new(architecture),
        epsilon: architecture.norm_epsilon,
        rotation: Rotation::new(&architecture.rotary),
        layers: architecture.attention.clone(),
        shared: shared.clone(),
    };
    // The library is loaded before anything else is asked of it.
    let builder = settings.builder()?;
    let operators = domain(attention, architecture.norm_epsilon, shared)?;
    let decoder = Decoder::new(builder, graph, operators, weights, architecture.hidden)?;
    let plural = if threads == 1 { "" } else { "s" };
    let quantised = weights
        .iter()
        .any(|(_, view)| view.format().codes().is_some());
    let products = match options.precision {
        Precision::Native | Precision::Exact if quantised => {
            format!("accuracy level {}", options.precision.accuracy_level())
        }
        _ => "f32".to_owned(),
    };
    let device = format!("cpu ({threads} thread{plural}, ONNX Runtime, {products})");
    Ok((decoder, device))
}

pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, LoadError> {
    let name = |number| format!("onnx-sample-{number}");
    let builder = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(name);
    builder
        .build()
        .map_err(|source| LoadError::Threads { threads, source })
}

/// Threads that sample, each row with a sampler of its own.
pub(crate) struct Sampling<'a> {
    pool: &'a rayon::ThreadPool,
    samplers: &'a mut Vec<Sampler>,
}

impl<'a> Sampling<'a> {
    /// With samplers for so many rows.
    pub(crate) fn new(
        pool: &'a rayon::ThreadPool,
        samplers: &'a mut Vec<Sampler>,
        rows: usize,
    ) -> Self {
        samplers.resize_with(rows.max(samplers.len()), Sampler::new);
        Self { pool, samplers }
    }

    pub(crate) fn perform(&mut self, logits: &mut [f32], tasks: &[Task<'_>]) -> Vec<Next> {
        let width = logits.len() / tasks.len().max(1);
        let mut rows: Vec<_> = logits
            .chunks_mut(width.max(1))
            .zip(tasks)
            .zip(&mut *self.samplers)
            .collect();
        if let [((logits, task), sampler)] = &mut rows[..] {
            return vec![sampler.perform(logits, task)];
        }
        let rows = rows.into_par_iter();
        let perform = |((logits, task), sampler): ((&mut [f32], &Task<'_>), &mut Sampler)| {
            sampler.perform(logits, task)
        };
        self.pool.install(|| rows.map(perform).collect())
    }
}
