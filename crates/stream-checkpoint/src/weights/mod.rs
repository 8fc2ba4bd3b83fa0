//! The tensors of a model, by what they are for.

mod id;
mod plan;
mod view;

use std::collections::HashMap;
use std::path::PathBuf;

use self::plan::Tensor;
use crate::error::{CheckpointError, Fault};
use crate::source::Source;

pub use self::id::{LayerWeight, WeightId};
pub(crate) use self::plan::WeightPlan;
pub use self::view::TensorView;

/// The weights of one model, all of them present and of the shape that the architecture says.
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    source: Source,
    tensors: HashMap<WeightId, Tensor>,
}

impl Weights {
    pub(crate) fn new(path: PathBuf, source: Source, plan: WeightPlan) -> Self {
        Self {
            path,
            source,
            tensors: plan.tensors,
        }
    }

    /// A weight. Asked for the head of a tied model it gives the token embedding.
    ///
    /// # Errors
    /// If the model has no such layer.
    pub fn get(&self, id: WeightId) -> Result<TensorView<'_>, CheckpointError> {
        let found = match (self.tensors.get(&id), id) {
            (None, WeightId::OutputHead) => self.tensors.get(&WeightId::TokenEmbedding),
            (found, _) => found,
        };
        found
            .map(|tensor| self.view(tensor))
            .ok_or_else(|| CheckpointError::new(&self.path, Fault::NoSuchWeight(id)))
    }

    /// Every tensor once, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (WeightId, TensorView<'_>)> {
        self.tensors
            .iter()
            .map(|(id, tensor)| (*id, self.view(tensor)))
    }

    fn view<'a>(&'a self, tensor: &'a Tensor) -> TensorView<'a> {
        TensorView {
            name: &tensor.name,
            rows: tensor.shape.0,
            columns: tensor.shape.1,
            format: tensor.format,
            bytes: &self.source.bytes()[tensor.range.clone()],
        }
    }
}
