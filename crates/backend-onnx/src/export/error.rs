//! Why an export could not be loaded.

use std::path::PathBuf;

/// An ONNX export cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is no graph at the path.
    #[error(
        "{path} is no ONNX export: there is neither model.onnx nor onnx/model.onnx in it; name the .onnx file, if it is called otherwise"
    )]
    NoGraph {
        /// The path.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The graph is no ONNX model, or is cut off.
    #[error("{graph} is no ONNX model, or is damaged; fetch it again")]
    Damaged {
        /// The file.
        graph: PathBuf,
    },
    /// A tensor wants a file that does not lie in the model's folder.
    #[error(
        "the data of tensor `{tensor}` is said to be in `{location}`, which leads out of the model's folder"
    )]
    Outside {
        /// The tensor.
        tensor: String,
        /// The file that it wants.
        location: String,
    },
    /// A tensor wants bytes that its file does not have.
    #[error(
        "the data of tensor `{tensor}` is said to be {length} bytes from {offset} on in `{location}`, which has {file}; it is not whole, fetch it again"
    )]
    Beyond {
        /// The tensor.
        tensor: String,
        /// Its file.
        location: String,
        /// Its first byte there.
        offset: u64,
        /// Its bytes; 0 where the graph does not say.
        length: u64,
        /// The bytes of the file.
        file: u64,
    },
    /// The inputs and outputs are not those of an export that is known.
    #[error(
        "its inputs and outputs are of no known export: {problem} (known: input_ids, attention_mask, position_ids, num_logits_to_keep, and past_key_values.N.key and .value in f32, to logits and present.N.key and .value; found: {found})"
    )]
    Unfamiliar {
        /// What does not fit.
        problem: String,
        /// The names of all inputs and outputs.
        found: String,
    },
}
