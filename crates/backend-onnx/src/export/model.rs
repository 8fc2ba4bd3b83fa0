//! An export as a model.

use std::path::Path;

use stream_checkpoint::FolderTexts;
use stream_runtime::{Batch, Model, ModelError, Next, Spec, Task};

use super::cache::{Cache, Shape};
use super::error::ExportError;
use super::files::{Files, Place};
use super::run::Graph;
use crate::model::{Sampling, pool};
use crate::session::Settings;
use crate::{LoadError, OnnxOptions, Precision};

/// A graph that was exported with its weights, by optimum (for transformers.js too) or by the model
/// builder of onnxruntime-genai.
///
/// Such a graph takes one past for all sequences of a batch, so the rows of a step run one after the
/// other: several streams share the engine, but do not speed each other up. Keys and values are kept
/// in the loop's blocks and copied together for each run.
#[derive(Debug)]
pub struct ExportedModel {
    spec: Spec,
    graph: Graph,
    cache: Cache,
    /// Numbers of a head.
    width: usize,
    texts: FolderTexts,
    device: String,
    pool: rayon::ThreadPool,
    samplers: Vec<stream_runtime::sample::Sampler>,
}

impl ExportedModel {
    /// Whether a row's logits are the same bits alone and in any batch. Rows run alone, but a
    /// prompt is cut where its neighbours leave room, and ONNX Runtime's products take other paths
    /// for one token than for several; so they are not.
    pub const BATCH_INVARIANT: bool = false;

    /// Whether there is an export at a path: a folder with `model.onnx` or `onnx/model.onnx`, or a
    /// file whose name ends in `.onnx`. A folder with safetensors is a checkpoint, whatever else is
    /// in it.
    pub fn is_at(path: &Path) -> bool {
        let weights = ["model.safetensors", "model.safetensors.index.json"];
        Place::find(path).is_some() && !weights.iter().any(|name| path.join(name).exists())
    }

    /// Loads an export. [`OnnxOptions::precision`] has to be `Native`: how its weights are kept was
    /// chosen when it was made.
    ///
    /// # Errors
    /// If there is no usable library, a file leads out of the folder or is not whole, the graph's
    /// inputs and outputs are unknown, or an option is impossible.
    pub fn load(path: &Path, options: &OnnxOptions) -> Result<Self, LoadError> {
        let missing = || ExportError::NoGraph {
            path: path.to_owned(),
        };
        let place = Place::find(path).ok_or_else(missing)?;
        if options.precision != Precision::Native {
            return Err(LoadError::FixedPrecision);
        }
        let files = Files::open(&place.graph)?;
        let texts = FolderTexts::open(&place.folder)?;
        let capacity = options.capacity();
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = capacity.threads(available)?;
        let settings = Settings {
            library: options.library.as_deref(),
            threads,
            spinning: options.spinning,
        };
        let graph = Graph::new(settings.builder()?, files)?;
        let width = graph.form.width.or(texts.head_width()).ok_or_else(|| {
            let problem = "nothing says how wide a head is".to_owned();
            LoadError::Architecture { problem }
        })?;
        let vocabulary = graph.form.vocabulary.unwrap_or(texts.vocabulary());
        let spec = Spec {
            shares_blocks: true,
            ..capacity.spec(vocabulary, texts.defaults().context_length)?
        };
        let shape = Shape {
            tensors: 2 * graph.form.layers,
            heads: graph.form.heads,
            width,
            block: spec.block_size,
        };
        let plural = if threads == 1 { "" } else { "s" };
        Ok(Self {
            cache: Cache::new(shape, spec.blocks),
            spec,
            graph,
            width,
            texts,
            device: format!("cpu ({threads} thread{plural}, ONNX Runtime, an export)"),
            pool: pool(threads)?,
            samplers: Vec::new(),
        })
    }

    /// What computes, and how.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The tokenizer, and what else its folder says.
    pub fn texts(&self) -> &FolderTexts {
        &self.texts
    }

    /// Takes a step and gives the logits at every position to be sampled, instead of sampling:
    /// one row of [`Spec::vocabulary`] numbers after the other. For tests and measurements.
    ///
    /// # Errors
    /// If the batch is not one that [`Model::launch`] takes, or ONNX Runtime fails.
    pub fn forward(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, ModelError> {
        batch.check(&self.spec)?;
        let mut logits = Vec::new();
        for row in batch.rows {
            let run = self
                .graph
                .run(row, &mut self.cache, self.width, &mut logits);
            run.map_err(ModelError::new)?;
        }
        let wanted = batch.tasks().count() * self.spec.vocabulary;
        match logits.len() == wanted {
            true => Ok(logits),
            false => Err(ModelError::new(format!(
                "the graph gave {} logits, not {wanted}",
                logits.len()
            ))),
        }
    }
}

impl Model for ExportedModel {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError> {
        let mut logits = self.forward(batch)?;
        let tasks: Vec<Task<'_>> = batch.tasks().map(|(_, task)| task).collect();
        let mut sampling = Sampling::new(&self.pool, &mut self.samplers, tasks.len());
        Ok(sampling.perform(&mut logits, &tasks))
    }

    fn collect(&mut self, ticket: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }
}
