//! The folder that fetched things are kept in.

use std::path::PathBuf;

use anyhow::{Context, Result};
use directories::ProjectDirs;

/// The folder that `stream-engine` keeps fetched files in.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = variable("STREAM_ENGINE_CACHE") {
        return Ok(folder);
    }
    let dirs = ProjectDirs::from("", "", "stream-engine");
    let dirs = dirs.context("no home folder is known: set STREAM_ENGINE_CACHE to a folder")?;
    Ok(dirs.cache_dir().to_owned())
}

/// A variable that is set to nothing is not set.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_the_engines() {
        let engines = stream_checkpoint::default_model::cache_dir().unwrap();
        assert_eq!(cache_folder().unwrap(), engines);
    }
}
