//! The name under which clients know the model.

use std::ffi::OsStr;
use std::path::Path;

use stream_checkpoint::default_model;
use stream_checkpoint::hub::ModelReference;

use crate::failure::Failure;
use crate::model;

/// What a client would write for the model that the command line names: the default model's name,
/// the hub's `org/repo`, or the name of the file or folder, without the way to it. A remote engine
/// has a name for it already.
pub(crate) fn served(given: Option<&OsStr>) -> Result<Option<String>, Failure> {
    let Some(given) = given else {
        let path = default_model::path()?;
        return Ok(match path == model::default_path()? {
            true => Some(default_model::NAME.to_owned()),
            false => of_path(&path),
        });
    };
    Ok(match ModelReference::parse(given)? {
        ModelReference::Default => Some(default_model::NAME.to_owned()),
        ModelReference::Hub(reference) => Some(reference.repo().to_owned()),
        ModelReference::Path(path) => of_path(&path),
    })
}

/// `model` for `…/model.gguf`, and for the folder `…/model`.
fn of_path(path: &Path) -> Option<String> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let of_weights = ["gguf", "safetensors", "onnx"].map(OsStr::new);
    let name = match path.extension() {
        Some(end) if of_weights.contains(&end) => path.file_stem(),
        _ => path.file_name(),
    };
    Some(name?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_client_would_write() {
        for (given, expected) in [
            ("/models/small-1.7b.Q4_0.gguf", "small-1.7b.Q4_0"),
            ("models/small-1.7b", "small-1.7b"),
            ("models/small-1.7b/", "small-1.7b"),
            ("hf:org/repo", "org/repo"),
            ("hf:org/repo:Q4_K_M", "org/repo"),
            (default_model::NAME, default_model::NAME),
        ] {
            let name = served(Some(OsStr::new(given))).map_err(|e| e.message().to_owned());
            assert_eq!(name, Ok(Some(expected.to_owned())), "{given}");
        }
    }
}
