//! The files that hold a model's tensors.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::plan::Tensor;
use super::table::TensorInfo;
use super::view::TensorView;
use crate::source::Source;

/// One open file.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    source: Arc<Source>,
}

/// The open files of a model.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: Vec<OpenFile>,
}

impl Files {
    /// Keeps a file. Its number is how many there were before.
    pub(crate) fn push(&mut self, path: &Path, source: Arc<Source>) {
        let path = path.to_owned();
        self.files.push(OpenFile { path, source });
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The first file, which stands for the model in errors.
    pub(crate) fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
    }

    /// The path of the file with this number.
    pub(crate) fn path_of(&self, file: usize) -> &Path {
        &self.files[file].path
    }

    /// The bytes of a tensor; empty if its format is not known.
    pub(crate) fn data(&self, info: &TensorInfo) -> &[u8] {
        self.bytes(info.file, &info.range)
    }

    pub(super) fn view<'a>(&'a self, tensor: &'a Tensor) -> TensorView<'a> {
        TensorView {
            name: &tensor.name,
            rows: tensor.shape.0,
            columns: tensor.shape.1,
            format: tensor.format,
            bytes: self.bytes(tensor.file, &tensor.range),
        }
    }

    fn bytes(&self, file: usize, range: &Range<usize>) -> &[u8] {
        &self.files[file].source.bytes()[range.clone()]
    }
}
