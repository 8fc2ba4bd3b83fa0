//! A hub and a cache of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

use stream_checkpoint::hub::{HubConfig, HubError, Progress, locate};
use tempfile::TempDir;

use crate::server::{COMMIT, Hub};

pub(crate) const FOLDER: [(&str, &str); 4] = [
    ("config.json", "{}"),
    ("tokenizer.json", "{\"model\": 1}"),
    ("model.safetensors", "weights"),
    ("README.md", "not needed"),
];

pub(crate) struct Lab {
    pub(crate) hub: Hub,
    pub(crate) config: HubConfig,
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new(hub: Hub) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = HubConfig::new(folder.path());
        config.endpoint.clone_from(&hub.endpoint);
        Self {
            hub,
            config,
            folder,
        }
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        Self::new(Hub::with(files))
    }

    pub(crate) fn locate(&self, reference: &str) -> Result<PathBuf, HubError> {
        self.locate_with(reference, &mut ())
    }

    pub(crate) fn locate_with(
        &self,
        reference: &str,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, HubError> {
        locate(&reference.parse().unwrap(), &self.config, progress)
    }

    /// As `locate`, with nobody to ask.
    pub(crate) fn locate_offline(&self, reference: &str) -> Result<PathBuf, HubError> {
        let mut config = self.config.clone();
        config.offline = true;
        locate(&reference.parse().unwrap(), &config, &mut ())
    }

    /// The repository's folder in the cache.
    pub(crate) fn repo(&self) -> PathBuf {
        self.folder.path().join("models--org--model")
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.repo().join("snapshots").join(COMMIT)
    }

    /// The names in the folder of blobs.
    pub(crate) fn blobs(&self) -> Vec<String> {
        names(&self.repo().join("blobs"))
    }
}

/// The names in a folder, in order; none if it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}
