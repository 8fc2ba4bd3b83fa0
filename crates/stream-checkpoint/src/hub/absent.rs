//! Stands in for the hub where it is not compiled in.

use std::path::PathBuf;

use super::{HubConfig, HubError, HubReference, Progress};

pub(super) const COMPILED: bool = false;

pub(super) fn locate(
    reference: &HubReference,
    _config: &HubConfig,
    _progress: &mut dyn Progress,
) -> Result<PathBuf, HubError> {
    Err(HubError::NotCompiled {
        reference: reference.to_string(),
    })
}
