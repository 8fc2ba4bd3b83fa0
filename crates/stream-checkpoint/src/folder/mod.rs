//! A Hugging Face folder: `config.json`, weights as safetensors, `tokenizer.json` and what
//! belongs to them.

mod index;
mod shards;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{CheckpointError, Fault};
use crate::json;
use crate::source::{Access, Source};

pub(crate) use self::index::INDEX;
pub(crate) use self::shards::{WEIGHTS, open};

/// What the model is.
pub(crate) const CONFIG: &str = "config.json";

/// Far above any `config.json` or `generation_config.json`.
const MOST_CONFIG_BYTES: u64 = 4 << 20;

/// A folder whose files are opened only if they lie in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The path without links.
    root: PathBuf,
    access: Access,
}

impl Folder {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, CheckpointError> {
        let root = fs::canonicalize(path).map_err(|error| CheckpointError::new(path, error))?;
        let path = path.to_owned();
        Ok(Self { path, root, access })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path without links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// An error in one of the folder's files.
    pub(crate) fn error(&self, name: &str, fault: impl Into<Fault>) -> CheckpointError {
        CheckpointError::new(&self.path.join(name), fault)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.join(name).is_file()
    }

    /// A file's bytes; `None` if there is no such file.
    pub(crate) fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
        let read = || match self.resolve(name)? {
            Some(path) => Source::read_at_most(&path, most),
            None => Ok(None),
        };
        read().map_err(|fault| self.error(name, fault))
    }

    /// The object in a JSON file; `None` if there is no such file.
    pub(crate) fn config(&self, name: &str) -> Result<Option<Map<String, Value>>, CheckpointError> {
        let bytes = self.read(name, MOST_CONFIG_BYTES)?;
        let parsed = bytes.map(|bytes| json::parse(&bytes)).transpose();
        parsed.map_err(|fault| self.error(name, fault))
    }

    /// A file of weights; `None` if there is no such file.
    fn source(&self, name: &str) -> Result<Option<Source>, Fault> {
        let path = self.resolve(name)?;
        path.map(|path| Source::open(&path, self.access))
            .transpose()
    }

    /// The path without links of a file that lies in the folder, or where its cache keeps what
    /// the folder's files link to; `None` if there is no such file.
    fn resolve(&self, name: &str) -> Result<Option<PathBuf>, Fault> {
        let path = Path::new(name);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !path.components().all(plain) {
            let target = path.to_owned();
            return Err(Fault::Outside { target });
        }
        let target = match fs::canonicalize(self.root.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            target => target?,
        };
        match target.starts_with(&self.root) || self.is_blob(&target) {
            true => Ok(Some(target)),
            false => Err(Fault::Outside { target }),
        }
    }

    /// The hub's cache keeps files in `models--org--name/blobs`, and in
    /// `models--org--name/snapshots/revision` links to them.
    fn is_blob(&self, target: &Path) -> bool {
        let mut above = self.root.ancestors();
        let snapshots = above.find(|path| path.file_name().is_some_and(|name| name == "snapshots"));
        let blobs = snapshots
            .and_then(Path::parent)
            .map(|model| model.join("blobs"));
        blobs.is_some_and(|blobs| target.parent() == Some(&blobs))
    }
}
