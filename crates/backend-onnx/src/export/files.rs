//! The files of an export: its graph, and those that the graph wants beside it.
//!
//! ONNX Runtime opens none of them. They are looked for in the folder of the graph, read here, and
//! handed over in memory, so that a graph cannot have any other file opened.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::error::ExportError;
use super::external::{self, External};

/// Names under which exports have their graph, the first that is there.
const NAMES: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// Where an export's graph is, and the folder with its tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) graph: PathBuf,
    pub(super) folder: PathBuf,
}

impl Place {
    /// The export at a path: a folder, or the file of a graph in it or in its folder `onnx`. `None`
    /// if there is no graph.
    pub(super) fn find(path: &Path) -> Option<Self> {
        let is_graph = path
            .extension()
            .is_some_and(|extension| extension == "onnx");
        // Some people's folders end in `.onnx` too.
        if is_graph && !path.is_dir() {
            return Some(Self {
                graph: path.to_owned(),
                folder: folder_of(path),
            });
        }
        let graph = NAMES.map(|name| path.join(name));
        let graph = graph.into_iter().find(|graph| graph.is_file())?;
        let folder = path.to_owned();
        Some(Self { graph, folder })
    }
}

/// The folder of a graph, or the one above it if it is called `onnx`.
fn folder_of(graph: &Path) -> PathBuf {
    let parent = match graph.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match (parent.file_name(), parent.parent()) {
        (Some(name), Some(above)) if name == "onnx" => above.to_owned(),
        _ => parent.to_owned(),
    }
}

/// A graph with the files beside it, in memory.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) graph: Vec<u8>,
    /// By the name that the graph has for them.
    pub(super) beside: BTreeMap<String, Arc<[u8]>>,
}

impl Files {
    /// Reads a graph and everything that it wants, if all of that lies in its folder.
    pub(super) fn open(graph: &Path) -> Result<Self, ExportError> {
        let bytes = read(graph)?;
        let parent = match graph.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(parent).map_err(|source| unreadable(parent, source))?;
        let damaged = |_| ExportError::Damaged {
            graph: graph.to_owned(),
        };
        let externals = external::all(&bytes).map_err(damaged)?;
        let mut places = BTreeMap::new();
        for external in &externals {
            let path = contained(&folder, external)?;
            let found = fs::metadata(&path).map_err(|source| unreadable(&path, source))?;
            within(external, found.len())?;
            places.insert(external.location.clone(), path);
        }
        let read = |(location, path): (String, PathBuf)| Ok((location, read(&path)?.into()));
        let beside = places.into_iter().map(read);
        Ok(Self {
            beside: beside.collect::<Result<_, ExportError>>()?,
            graph: bytes,
        })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> ExportError {
    ExportError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// Reads a regular file.
fn read(path: &Path) -> Result<Vec<u8>, ExportError> {
    let failed = |source| unreadable(path, source);
    // Asked before opening: opening a pipe would wait for its writer.
    match fs::metadata(path).map_err(failed)?.is_file() {
        true => fs::read(path).map_err(failed),
        false => Err(failed(std::io::Error::other("it is no regular file"))),
    }
}

/// The path of a tensor's file, if it lies in the folder, or where the hub's cache keeps what the
/// folder's files link to: `models--…/blobs` beside `models--…/snapshots/revision`.
fn contained(folder: &Path, external: &External) -> Result<PathBuf, ExportError> {
    let location = Path::new(&external.location);
    let outside = || ExportError::Outside {
        tensor: external.tensor.clone(),
        location: external.location.clone(),
    };
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if external.location.is_empty() || !location.components().all(plain) {
        return Err(outside());
    }
    let path = folder.join(location);
    let target = fs::canonicalize(&path).map_err(|source| unreadable(&path, source))?;
    match target.starts_with(folder) || is_blob(folder, &target) {
        true => Ok(target),
        false => Err(outside()),
    }
}

fn is_blob(folder: &Path, target: &Path) -> bool {
    let mut above = folder.ancestors();
    let snapshots = above.find(|path| path.file_name().is_some_and(|name| name == "snapshots"));
    let blobs = snapshots
        .and_then(Path::parent)
        .map(|model| model.join("blobs"));
    blobs.is_some_and(|blobs| target.parent() == Some(&blobs))
}

/// A tensor's data lies in its file.
fn within(external: &External, file: u64) -> Result<(), ExportError> {
    let end = external.offset.checked_add(external.length.unwrap_or(0));
    match end {
        Some(end) if end <= file => Ok(()),
        _ => Err(ExportError::Beyond {
            tensor: external.tensor.clone(),
            location: external.location.clone(),
            offset: external.offset,
            length: external.length.unwrap_or(0),
            file,
        }),
    }
}
