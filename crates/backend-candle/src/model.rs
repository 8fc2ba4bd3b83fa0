//! The engine's model: a decoder with its cache, its threads and its samplers.

use half::f16;
use stream_checkpoint::Checkpoint;
use stream_runtime::sample::Sampler;
use stream_runtime::{Batch, Model, ModelError, Next, Spec, Task};

use crate::decoder::{Decoder, StepLimits};
use crate::kv::{KvCache, KvShape};
use crate::matrix::Matrix;
use crate::pool::Pool;
use crate::simd::InstructionSet;
use crate::step::Step;
use crate::{CandleOptions, LoadError, Precision};

/// A decoder that takes packed, ragged batches over a paged cache.
///
/// The logits of a row are bit for bit the same alone, in any batch, and however its prompt was
/// cut into chunks: see [`ARCHITECTURE`](crate#batches).
#[derive(Debug)]
pub struct CandleModel {
    spec: Spec,
    set: InstructionSet,
    pool: Pool,
    decoder: Decoder,
    cache: Cache,
    logits: Matrix,
    samplers: Vec<Sampler>,
}

#[derive(Debug)]
enum Cache {
    Half(KvCache<f16>),
    Single(KvCache<f32>),
}

impl CandleModel {
    /// Packs a checkpoint's weights for this machine's CPU, on all threads.
    ///
    /// # Errors
    /// If an option is impossible, the model's numbers do not go together, or the system refuses memory or threads.
    pub fn load(checkpoint: &Checkpoint, options: &CandleOptions) -> Result<Self, LoadError> {
        Self::load_for(InstructionSet::detect(), checkpoint, options)
    }

    /// As [`load`](Self::load), with chosen instructions: the results are the same, the speed is
    /// not. What this CPU lacks is replaced by plain Rust.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_for(
        set: InstructionSet,
        checkpoint: &Checkpoint,
        options: &CandleOptions,
    ) -> Result<Self, LoadError> {
        let architecture = checkpoint.architecture();
        if let Some(problem) = architecture.contradiction() {
            return Err(LoadError::Architecture { problem });
        }
        let threads = options.threads()?;
        let (vocabulary, context) = (architecture.vocabulary, architecture.context_length);
        let spec = Spec {
            step_overhead: set.step_overhead(),
            shares_blocks: true,
            ..options.capacity().spec(vocabulary, context)?
        };
        let refused = |source| LoadError::Threads { threads, source };
        let mut pool = Pool::new(threads).map_err(refused)?;
        let shape = KvShape::new(architecture, spec.blocks, spec.block_size);
        let cache = Cache::new(shape, options.precision)?;
        let limits = StepLimits {
            tokens: options.max_step_tokens,
            logits: options.max_rows,
        };
        let (weights, precision) = (checkpoint.weights(), options.precision);
        let decoder = Decoder::load(&mut pool, set, architecture, weights, precision, limits)?;
        Ok(Self {
            spec,
            set,
            pool,
            decoder,
            cache,
            logits: Matrix::new(options.max_rows, vocabulary),
            samplers: (0..options.max_rows).map(|_| Sampler::new()).collect(),
        })
    }

    /// What computes, and how: `cpu (2 threads, avx512-vnni)`.
    pub fn device(&self) -> String {
        let threads = self.pool.threads();
        let plural = if threads == 1 { "" } else { "s" };
        format!("cpu ({threads} thread{plural}, {})", self.set)
    }

    /// Takes a step and gives the logits at every position to be sampled, instead of sampling:
    /// one row of [`Spec::vocabulary`] numbers after the other. For tests and measurements.
    ///
    /// # Errors
    /// If the batch is not one that [`Model::launch`] takes.
    pub fn forward(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, ModelError> {
        let mut all = Vec::new();
        self.step(batch, |logits, _, _| all.extend_from_slice(logits))?;
        Ok(all)
    }

    /// Takes a step and calls `each` with some rows of logits, the samplers that may be used for
    /// them, and what to do with each.
    fn step(
        &mut self,
        batch: &Batch<'_>,
        mut each: impl FnMut(&mut [f32], &mut Sampling<'_>, &[Task<'_>]),
    ) -> Result<(), ModelError> {
        batch.check(&self.spec)?;
        let step = Step::new(batch.rows);
        let (pool, decoder) = (&mut self.pool, &mut self.decoder);
        match &mut self.cache {
            Cache::Half(cache) => decoder.forward(pool, cache, &step),
            Cache::Single(cache) => decoder.forward(pool, cache, &step),
        }
        .map_err(ModelError::new)?;
        let (tokens, tasks): (Vec<_>, Vec<_>) = batch.tasks().unzip();
        let most = self.spec.max_rows;
        for (tokens, tasks) in tokens.chunks(most).zip(tasks.chunks(most)) {
            decoder.logits(pool, tokens, &mut self.logits);
            let logits = self.logits.head_mut(tokens.len());
            let samplers = &mut self.samplers;
            each(logits, &mut Sampling { pool, samplers }, tasks);
        }
        Ok(())
    }
}

impl Model for CandleModel {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError> {
        let mut next = Vec::new();
        self.step(batch, |logits, sampling, tasks| {
            sampling.perform(logits, tasks, &mut next);
        })?;
        Ok(next)
    }

    fn collect(&mut self, ticket: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }
}

impl Cache {
    fn new(shape: KvShape, precision: Precision) -> Result<Self, LoadError> {
        let cache = match precision {
            Precision::Native => KvCache::new(shape).map(Self::Half),
            Precision::F32 => KvCache::new(shape).map(Self::Single),
        };
        let tokens = shape.blocks * shape.block_size;
        cache.ok_or(LoadError::KvCache { tokens })
    }
}

/// Threads that sample, each row with a sampler of its own.
struct Sampling<'a> {
    pool: &'a mut Pool,
    samplers: &'a mut [Sampler],
}

impl Sampling<'_> {
    fn perform(&mut self, logits: &mut [f32], tasks: &[Task<'_>], next: &mut Vec<Next>) {
        let width = logits.len() / tasks.len();
        let rows = logits.chunks_mut(width).zip(tasks).zip(&mut *self.samplers);
        let mut rows: Vec<_> = rows.map(|row| (row, Next::NoFiniteLogit)).collect();
        self.pool
            .for_each(&mut rows, 1, |_, (((logits, task), sampler), next)| {
                *next = sampler.perform(logits, task);
            });
        next.extend(rows.into_iter().map(|(_, next)| next));
    }
}
