//! The engine's model: a decoder with its cache and its samplers.

use std::thread;

use nvidia_driver::Gpu;
use stream_checkpoint::{Architecture, Checkpoint};
use stream_core::Capabilities;
use stream_runtime::sample::Sampler;
use stream_runtime::{Batch, Model, ModelError, Next, Spec, Task};
use tch::{Device as TorchDevice, TchError, Tensor};

use super::cache::KvCache;
use super::cuda;
use super::decoder::{Decoder, numbers};
use super::error::step_failed;
use super::linear::Loading;
use super::operators::Passes;
use super::shim::{self, InferenceMode};
use super::step::{Layout, Step};
use crate::{Batches, Device, LibtorchOptions, LoadError};

/// The libtorch that this crate is built for.
const LIBTORCH: &str = "2.11.0";

/// A decoder that takes packed, ragged batches over a paged cache.
#[derive(Debug)]
pub struct LibtorchModel {
    spec: Spec,
    threads: usize,
    layout: Layout,
    /// The card, if it is one.
    gpu: Option<Gpu>,
    decoder: Decoder,
    cache: KvCache,
    samplers: Vec<Sampler>,
}

impl LibtorchModel {
    /// Takes a checkpoint's weights into libtorch's tensors.
    ///
    /// # Errors
    /// If an option is impossible, the device cannot compute, the model's numbers do not go together, the system refuses
    /// memory, or another libtorch was loaded than the one that this crate is built for.
    pub fn load(checkpoint: &Checkpoint, options: &LibtorchOptions) -> Result<Self, LoadError> {
        right_version(&shim::version())?;
        let architecture = checkpoint.architecture();
        if let Some(problem) = architecture.contradiction() {
            return Err(LoadError::Architecture { problem });
        }
        let threads = options.threads()?;
        let gpu = gpu(options)?;
        let (vocabulary, context) = (architecture.vocabulary, architecture.context_length);
        // No drafts: a wider step goes through other operators, and could so be answered
        // otherwise; an invariant one gains nothing from its width.
        let spec = Spec {
            // What a block holds depends on the widths of the steps that wrote it, otherwise.
            shares_blocks: options.batches == Batches::Invariant,
            ..options.capacity().spec(vocabulary, context)?
        };
        let slots = spec.kv_tokens();
        let loading = Loading {
            threads,
            precision: options.precision,
            batches: options.batches,
            passes: match options.is_portable() {
                true => Passes::Plain,
                false => Passes::Fused,
            },
            device: gpu
                .as_ref()
                .map_or(TorchDevice::Cpu, |gpu| TorchDevice::Cuda(gpu.ordinal)),
        };
        let cache = cache(architecture, slots, &loading)?;
        use_threads(threads);
        Ok(Self {
            layout: Layout {
                block_size: spec.block_size,
                windows: windows(architecture),
                batches: options.batches,
                passes: loading.passes,
                device: loading.device,
                kind: loading.kind(),
            },
            spec,
            threads,
            gpu,
            cache,
            decoder: Decoder::load(architecture, checkpoint.weights(), &loading)?,
            samplers: (0..options.max_rows).map(|_| Sampler::new()).collect(),
        })
    }

    /// What computes, and how: `cpu (2 threads, libtorch 2.11.0, avx512)` or `cuda:0 (NVIDIA
    /// H200, libtorch 2.11.0)`.
    pub fn device(&self) -> String {
        if let Some(Gpu { ordinal, name }) = &self.gpu {
            return format!("cuda:{ordinal} ({name}, libtorch {})", shim::version());
        }
        let plural = if self.threads == 1 { "" } else { "s" };
        let (threads, instructions) = (self.threads, shim::instructions());
        format!(
            "cpu ({threads} thread{plural}, libtorch {}, {instructions})",
            shim::version()
        )
    }

    /// What an engine with this model can do: everything that the shared loop does, but greedy
    /// ids are the same alone and in any batch only with [`Batches::Invariant`].
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            batch_invariant: self.layout.batches == Batches::Invariant,
            ..Capabilities::core()
        }
    }

    /// Takes a step and gives the logits at every position to be sampled, instead of sampling:
    /// one row of [`Spec::vocabulary`] numbers after the other. For tests and measurements.
    ///
    /// # Errors
    /// If the batch is not one that [`Model::launch`] takes, or an operator fails.
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
        use_threads(self.threads);
        let _mode = InferenceMode::begin();
        let (step, hidden) = self.compute(batch).map_err(|error| step_failed(&error))?;
        let (tokens, tasks): (Vec<_>, Vec<_>) = batch.tasks().unzip();
        let rows: Vec<_> = tokens
            .iter()
            .map(|&token| step.place(token) as i64)
            .collect();
        let most = self.spec.max_rows;
        for (rows, tasks) in rows.chunks(most).zip(tasks.chunks(most)) {
            let logits = self.decoder.logits(&hidden, rows);
            let mut logits = logits.map_err(|error| step_failed(&error))?;
            let mut sampling = Sampling {
                threads: self.threads,
                samplers: &mut self.samplers,
            };
            each(numbers(&mut logits), &mut sampling, tasks);
        }
        Ok(())
    }

    fn compute(&mut self, batch: &Batch<'_>) -> Result<(Step, Tensor), TchError> {
        let step = Step::new(batch, &self.layout)?;
        let hidden = self.decoder.forward(&mut self.cache, &step)?;
        Ok((step, hidden))
    }
}

impl Model for LibtorchModel {
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

/// The card that is asked for, known to libtorch.
fn gpu(options: &LibtorchOptions) -> Result<Option<Gpu>, LoadError> {
    if options.is_portable() && options.batches == Batches::Invariant {
        return Err(LoadError::NotInvariant);
    }
    match options.device {
        Device::Cpu => Ok(None),
        Device::Cuda(ordinal) => Ok(Some(cuda::open(options.cuda_library.as_deref(), ordinal)?)),
    }
}

fn cache(
    architecture: &Architecture,
    slots: usize,
    loading: &Loading,
) -> Result<KvCache, LoadError> {
    let refused = LoadError::KvCache { tokens: slots };
    match loading.device {
        TorchDevice::Cpu => KvCache::new(architecture, slots, loading.kind()).ok_or(refused),
        device => KvCache::on(device, architecture, slots, loading.kind()).map_err(|_| refused),
    }
}

/// Each that a layer has, once.
fn windows(architecture: &Architecture) -> Vec<Option<usize>> {
    let layers = architecture.attention.iter();
    let mut windows: Vec<_> = layers.map(|layer| layer.window).collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

fn right_version(found: &str) -> Result<(), LoadError> {
    match found.split('+').next() == Some(LIBTORCH) {
        true => Ok(()),
        false => Err(LoadError::Version {
            found: found.to_owned(),
            wanted: LIBTORCH,
        }),
    }
}

/// libtorch keeps the number for each thread that asks for work.
fn use_threads(threads: usize) {
    let threads = i32::try_from(threads).unwrap_or(i32::MAX);
    if tch::get_num_threads() != threads {
        tch::set_num_threads(threads);
    }
}

/// Threads that sample, each row with a sampler of its own.
struct Sampling<'a> {
    threads: usize,
    samplers: &'a mut [Sampler],
}

impl Sampling<'_> {
    /// Fewer rows than this are not worth another thread.
    const LEAST_ROWS: usize = 4;

    fn perform(&mut self, logits: &mut [f32], tasks: &[Task<'_>], next: &mut Vec<Next>) {
        let width = logits.len() / tasks.len().max(1);
        let mut rows: Vec<_> = (logits.chunks_mut(width).zip(tasks).zip(&mut *self.samplers))
            .map(|row| (row, Next::NoFiniteLogit))
            .collect();
        let share = rows.len().div_ceil(self.threads).max(Self::LEAST_ROWS);
        let mut shares = rows.chunks_mut(share);
        let mine = shares.next();
        thread::scope(|scope| {
            for share in shares {
                scope.spawn(|| sample(share));
            }
            mine.into_iter().for_each(sample);
        });
        next.extend(rows.into_iter().map(|(_, next)| next));
    }
}

/// A row of logits with its task and its sampler, and what came of it.
type Sampled<'a, 'b> = (((&'a mut [f32], &'a Task<'b>), &'a mut Sampler), Next);

fn sample(rows: &mut [Sampled<'_, '_>]) {
    for (((logits, task), sampler), next) in rows {
        *next = sampler.perform(logits, task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_told_in_one_sentence() {
        right_version("2.11.0+cpu").unwrap();
        let error = right_version("2.10.1").unwrap_err().to_string();
        assert_eq!(
            error,
            "libtorch 2.10.1 was loaded, but this program was built for 2.11.0; put that one \
             where the loader finds it first"
        );
    }
}
