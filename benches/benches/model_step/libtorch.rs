//! libtorch's steps.

use backend_libtorch::{LibtorchModel, LibtorchOptions};
use criterion::Criterion;
use stream_checkpoint::Checkpoint;

use super::Result;

/// All steps of libtorch.
pub(super) fn engine(criterion: &mut Criterion, checkpoint: &Checkpoint) -> Result<()> {
    let model = LibtorchModel::load(checkpoint, &LibtorchOptions::default())?;
    super::engine(criterion, "libtorch", model)
}
