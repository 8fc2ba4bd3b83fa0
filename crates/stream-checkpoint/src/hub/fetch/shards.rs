//! The files that a list of shards names.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::super::HubError;
use super::super::name::is_file_path;

/// The largest list that is read. That of a model with a million tensors would be smaller.
const LONGEST: u64 = 128 << 20;

/// `model.safetensors.index.json`: the file of each tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// The files that the list at `path` names, each once. The list comes from who made the model: a
/// name that would lead out of the model's folder is refused.
pub(super) fn named_in(path: &Path) -> Result<BTreeSet<String>, HubError> {
    let refuse = |problem: String| HubError::Index {
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(|e| HubError::disk(path, e))?;
    let mut text = String::new();
    let read = file.take(LONGEST).read_to_string(&mut text);
    read.map_err(|e| HubError::disk(path, e))?;
    let index: Index = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
    let shards: BTreeSet<_> = index.weight_map.into_values().collect();
    match shards.iter().find(|name| !is_shard(name)) {
        None => Ok(shards),
        Some(name) => Err(refuse(format!(
            "`weight_map` names `{}`; allowed are safetensors files inside the repository",
            name.escape_debug()
        ))),
    }
}

fn is_shard(name: &str) -> bool {
    is_file_path(name) && name.ends_with(".safetensors")
}
