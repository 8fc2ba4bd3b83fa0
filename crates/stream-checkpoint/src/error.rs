//! What can be wrong with a model file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::weights::WeightId;

/// A model file could not be used; the message names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct CheckpointError {
    path: PathBuf,
    fault: Box<Fault>,
}

impl CheckpointError {
    pub(crate) fn new(path: &Path, fault: impl Into<Fault>) -> Self {
        Self {
            path: path.to_owned(),
            fault: Box::new(fault.into()),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The operating system refused the file.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is something else than a file of a known kind.
    #[error("is {found}; known are: {KNOWN_FORMATS}")]
    UnsupportedFormat {
        /// What was found instead.
        found: String,
    },
    /// The header contradicts itself or the length of the file.
    #[error("damaged header at byte {offset}: {problem}")]
    Malformed {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The file ends before the data of a tensor does, as after a download that broke off.
    #[error(
        "the file ends {missing} bytes before the end of tensor {tensor}; it is not whole, fetch it again"
    )]
    Truncated {
        /// The tensor that is cut off first.
        tensor: String,
        /// How many bytes of it are missing.
        missing: u64,
    },
    /// A value of the metadata is missing, of the wrong type or out of range.
    #[error("metadata `{key}`: {problem}")]
    Metadata {
        /// Its key.
        key: String,
        /// What is wrong with it, and what is allowed.
        problem: String,
    },
    /// The model is of a family that is not known.
    #[error("has the architecture `{found}`; known are: {}", known.join(", "))]
    UnsupportedArchitecture {
        /// The family's name in the file.
        found: String,
        /// The families that can be read.
        known: Vec<&'static str>,
    },
    /// The model is of a known family, but needs something that no engine computes yet.
    #[error("needs {feature}, which is not supported")]
    UnsupportedFeature {
        /// What it needs, and the key that says so.
        feature: String,
    },
    /// The tokenizer is of a kind that is not known.
    #[error("metadata `{key}`: the tokenizer `{found}` is not supported; known are: {}", known.join(", "))]
    UnsupportedTokenizer {
        /// The key that names it.
        key: &'static str,
        /// Its name in the file.
        found: String,
        /// The names that can be used.
        known: &'static [&'static str],
    },
    /// The tokenizer's data could not be made into a tokenizer.
    #[error("the tokenizer cannot be built: {0}")]
    Tokenizer(String),
    /// Tensors are missing, unknown or of another shape than the metadata says.
    #[error("{}", Problems(.0))]
    Tensors(Vec<TensorProblem>),
    /// A JSON file is none, or is nested too deep.
    #[error("is not JSON that can be used: {0}")]
    Json(String),
    /// A file is longer than any of its kind.
    #[error("has {length} bytes, at most {most} are read")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The most that is read of a file of its kind.
        most: u64,
    },
    /// The header of a safetensors file is damaged, or does not describe the bytes that follow.
    #[error("is no sound safetensors file: {0}")]
    SafeTensors(String),
    /// A file that must be there is not.
    #[error("is missing: {reason}")]
    MissingFile {
        /// What it is needed for.
        reason: String,
    },
    /// A file of a folder lies somewhere else.
    #[error(
        "leads out of the model's folder, to {}; only links into the `blobs` of a Hugging Face cache are followed", target.display()
    )]
    Outside {
        /// Where it leads.
        target: PathBuf,
    },
    /// The weights are there only as pickled Python objects.
    #[error(
        "holds its weights as a pickle ({file}), and reading a pickle can run any code; convert it to safetensors, or fetch the model's safetensors files"
    )]
    Pickle {
        /// The file's name.
        file: String,
    },
    /// A folder holds several models.
    #[error("holds several models, name one of them: {}", found.join(", "))]
    SeveralModels {
        /// The names of their files.
        found: Vec<String>,
    },
    /// A weight is no number, so that whatever is computed with it is none either.
    #[error(
        "tensor {tensor} has the value {value} in row {row}, and {more} more tensors are like it; the model was damaged when it was made"
    )]
    NotFinite {
        /// The first such tensor.
        tensor: String,
        /// Its first such row.
        row: usize,
        /// The first such value.
        value: f32,
        /// How many other tensors have such values.
        more: usize,
    },
    /// A weight that this model does not have was asked for.
    #[error("the model has no weight {0:?}")]
    NoSuchWeight(WeightId),
}

const KNOWN_FORMATS: &str = "GGUF files (.gguf) of version 2 and 3, little endian, and Hugging \
    Face folders (config.json, tokenizer.json and .safetensors files)";

impl Fault {
    pub(crate) fn metadata(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Metadata {
            key: key.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn feature(feature: impl Into<String>) -> Self {
        Self::UnsupportedFeature {
            feature: feature.into(),
        }
    }
}

/// How a tensor differs from what the architecture asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// It is not in the file.
    #[error("{name} is missing")]
    Missing {
        /// The tensor's name.
        name: String,
    },
    /// It has another shape.
    #[error("{name} has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// The shape in the file, rows first.
        found: Vec<u64>,
        /// The shape that follows from the metadata, rows first.
        expected: Vec<u64>,
    },
    /// Its number format is not known.
    #[error("{name} has the unknown format {format}; known are: {}", known.join(", "))]
    Format {
        /// The tensor's name.
        name: String,
        /// The format: in GGUF its number (`ggml_type`), in safetensors its name.
        format: String,
        /// The formats that can be read.
        known: Vec<&'static str>,
    },
    /// The architecture has no place for it, so the result would be wrong without it.
    #[error("{name} has no place in this architecture")]
    Unexpected {
        /// The tensor's name.
        name: String,
    },
}

impl TensorProblem {
    /// The tensor's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name }
            | Self::Shape { name, .. }
            | Self::Format { name, .. }
            | Self::Unexpected { name } => name,
        }
    }
}

/// How many problems a message lists before it only counts.
const LISTED: usize = 20;

struct Problems<'a>(&'a [TensorProblem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensors that do not fit ({}):", self.0.len())?;
        for problem in self.0.iter().take(LISTED) {
            write!(f, "\n  {problem}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}
