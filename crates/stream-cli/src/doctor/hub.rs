//! Where models of the Hugging Face hub come from and are kept. Nothing is asked of the hub.

use std::path::PathBuf;

use serde::Serialize;
use stream_checkpoint::hub::{self, HubConfig};

use crate::failure::Failure;

#[derive(Debug, Serialize)]
pub(super) struct Hub {
    pub(super) compiled_in: bool,
    pub(super) endpoint: String,
    pub(super) cache: PathBuf,
    pub(super) offline: bool,
    /// Whether a token is known; it is not told.
    pub(super) token: bool,
}

pub(super) fn look() -> Result<Hub, Failure> {
    let config = HubConfig::from_env()?;
    Ok(Hub {
        compiled_in: hub::COMPILED,
        endpoint: config.endpoint,
        cache: config.cache,
        offline: config.offline,
        token: config.token.is_some(),
    })
}
