//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::Folder;
use crate::error::{CheckpointError, Fault};

pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The index of a model with a thousand layers of a hundred experts has some ten megabytes.
const MOST_BYTES: u64 = 64 << 20;
/// The largest known models have some hundreds.
const MOST_SHARDS: usize = 4_096;

/// Which shard holds which tensor.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    weight_map: WeightMap,
}

/// From a tensor's name to its shard's.
#[derive(Debug)]
struct WeightMap(HashMap<String, String>);

impl Index {
    /// The folder's index, if it has one.
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, CheckpointError> {
        let Some(bytes) = folder.read(INDEX, MOST_BYTES)? else {
            return Ok(None);
        };
        let index: Self = serde_json::from_slice(&bytes)
            .map_err(|error| folder.error(INDEX, Fault::Json(error.to_string())))?;
        match index.shards().len() {
            0 => Err(folder.error(INDEX, Fault::metadata("weight_map", "is empty"))),
            1..=MOST_SHARDS => Ok(Some(index)),
            many => {
                let problem = format!("names {many} files, at most {MOST_SHARDS} are read");
                Err(folder.error(INDEX, Fault::metadata("weight_map", problem)))
            }
        }
    }

    /// The names of the shards, each once, in order.
    pub(super) fn shards(&self) -> Vec<&str> {
        let mut shards: Vec<_> = self.weight_map.0.values().map(String::as_str).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.weight_map.0.iter();
        pairs.map(|(tensor, shard)| (tensor.as_str(), shard.as_str()))
    }
}

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

/// A map in which no key stands twice: of two, a plain map would silently keep the last.
struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = WeightMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from the names of tensors to those of files")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
        let mut shards = HashMap::new();
        while let Some((tensor, shard)) = map.next_entry::<String, String>()? {
            if shards.contains_key(&tensor) {
                return Err(A::Error::custom(format!("`{tensor}` stands twice")));
            }
            shards.insert(tensor, shard);
        }
        Ok(WeightMap(shards))
    }
}
