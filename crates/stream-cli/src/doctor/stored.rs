//! Whether the default model is in the cache, and whole.

use std::path::PathBuf;

use serde::Serialize;
use stream_checkpoint::default_model;

use crate::failure::Failure;
use crate::{fetch, model};

#[derive(Debug, Serialize)]
pub(super) struct Stored {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) state: State,
    /// The model file that the environment names instead of it.
    pub(super) replaced_by: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Missing,
    Damaged,
    Whole,
}

pub(super) fn look() -> Result<Stored, Failure> {
    let path = model::default_path()?;
    let state = match path.is_file() {
        false => State::Missing,
        true if fetch::is_whole(&path, &model::DEFAULT)? => State::Whole,
        true => State::Damaged,
    };
    let used = default_model::path()?;
    Ok(Stored {
        name: default_model::NAME,
        replaced_by: (used != path).then_some(used),
        path,
        state,
    })
}
