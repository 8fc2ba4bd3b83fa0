//! The tensors of a model, by what they are for.

mod files;
mod id;
mod plan;
mod table;
mod view;

use std::collections::HashMap;

use self::plan::Tensor;
use crate::error::{CheckpointError, Fault};

pub(crate) use self::files::Files;
pub use self::id::{LayerWeight, WeightId};
pub(crate) use self::plan::WeightPlan;
pub(crate) use self::table::{TensorInfo, TensorTable};
pub use self::view::TensorView;

/// The weights of one model, all of them present and of the shape that the architecture says.
#[derive(Debug)]
pub struct Weights {
    files: Files,
    tensors: HashMap<WeightId, Tensor>,
}

impl Weights {
    pub(crate) fn new(files: Files, plan: WeightPlan) -> Self {
        Self {
            files,
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
            .map(|tensor| self.files.view(tensor))
            .ok_or_else(|| CheckpointError::new(self.files.path(), Fault::NoSuchWeight(id)))
    }

    /// Every tensor once, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (WeightId, TensorView<'_>)> {
        self.tensors
            .iter()
            .map(|(id, tensor)| (*id, self.files.view(tensor)))
    }

    /// Looks at every number; see [`Checkpoint::check_weights`](crate::Checkpoint::check_weights).
    pub(crate) fn check(&self) -> Result<(), CheckpointError> {
        let mut wrong: Vec<_> = self
            .tensors
            .values()
            .filter_map(|tensor| Some((tensor, self.files.view(tensor).not_finite()?)))
            .collect();
        wrong.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let more = wrong.len().saturating_sub(1);
        match wrong.first() {
            None => Ok(()),
            Some((tensor, (row, value))) => Err(CheckpointError::new(
                self.files.path_of(tensor.file),
                Fault::NotFinite {
                    tensor: tensor.name.to_string(),
                    row: *row,
                    value: *value,
                    more,
                },
            )),
        }
    }
}
