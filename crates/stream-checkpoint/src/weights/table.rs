//! What tensors a model's files hold, whatever their kind.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use crate::format::TensorFormat;

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorInfo {
    /// Outermost first, as for a row-major array: a matrix is `[rows, columns]`.
    pub(crate) shape: Vec<u64>,
    /// `Err` with the name of a format that is not known.
    pub(crate) format: Result<TensorFormat, String>,
    /// Which of the model's files holds it.
    pub(crate) file: usize,
    /// Where its data lies in that file; empty if the format is not known.
    pub(crate) range: Range<usize>,
}

/// The tensors of all files of a model by name.
#[derive(Debug, Default)]
pub(crate) struct TensorTable {
    by_name: HashMap<String, TensorInfo>,
}

impl TensorTable {
    /// Adds a tensor; `false` if there is one of this name already.
    pub(crate) fn insert(&mut self, name: &str, info: TensorInfo) -> bool {
        match self.by_name.entry(name.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(info);
                true
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Takes out what has no part in the computation.
    pub(crate) fn forget(&mut self, is_without_use: impl Fn(&str) -> bool) {
        self.by_name.retain(|name, _| !is_without_use(name));
    }
}
