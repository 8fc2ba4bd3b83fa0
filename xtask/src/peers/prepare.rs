//! The model in the form that a peer reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};

use super::install::is_installed;
use super::list::{EXPORTER, Peer, Reads, named};
use super::place::{Place, program};
use crate::shell;

/// Where the peer finds the model; made first, if it is not there yet.
pub(super) fn model_for(place: &Place, peer: &Peer, gguf: &Path) -> Result<PathBuf> {
    if !is_installed(place, peer) {
        bail!(
            "it is not installed: cargo xtask peers install {}",
            peer.name
        );
    }
    match peer.reads {
        Reads::Gguf => Ok(gguf.to_owned()),
        Reads::Folder => folder(place, gguf),
        Reads::Onnx => onnx(place, peer, &folder(place, gguf)?),
    }
}

/// The numbers of the file in bf16.
fn folder(place: &Place, gguf: &Path) -> Result<PathBuf> {
    let folder = place.models().join(format!("{}-bf16", identity(gguf)?));
    if folder.exists() {
        return Ok(folder);
    }
    if !is_installed(place, named(EXPORTER)?) {
        bail!(
            "it reads no GGUF, and what writes a folder of it is not installed: cargo xtask peers install {EXPORTER}"
        );
    }
    fs::create_dir_all(place.models())?;
    let mut export = Command::new(place.python(EXPORTER));
    shell::run(export.arg(program("export.py")).arg(gguf).arg(&folder))?;
    Ok(folder)
}

/// Weights of 4 bits in blocks of 32, and int8 activations: what ONNX Runtime is fast with on a
/// CPU.
fn onnx(place: &Place, peer: &Peer, folder: &Path) -> Result<PathBuf> {
    let out = folder.with_added_extension("onnx");
    if out.exists() {
        return Ok(out);
    }
    let part = folder.with_added_extension("onnx-part");
    let mut builder = Command::new(place.python(peer.name));
    builder.args([
        "-m",
        "onnxruntime_genai.models.builder",
        "-p",
        "int4",
        "-e",
        "cpu",
    ]);
    builder.arg("-i").arg(folder).arg("-o").arg(&part);
    builder.arg("-c").arg(place.models().join("builder"));
    let options = [
        "--extra_options",
        "int4_block_size=32",
        "int4_accuracy_level=4",
    ];
    shell::run(builder.args(options))?;
    fs::rename(&part, &out)?;
    Ok(out)
}

/// A name for a file that changes with it.
fn identity(file: &Path) -> Result<String> {
    let context = || format!("{} cannot be read", file.display());
    let found = fs::metadata(file).with_context(context)?;
    let changed = found.modified()?.duration_since(UNIX_EPOCH)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.replace(char::is_whitespace, "_");
    Ok(format!("{stem}-{}-{}", found.len(), changed.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_under_the_same_name_is_another_model() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a model.gguf");
        fs::write(&file, "1").unwrap();
        let first = identity(&file).unwrap();
        assert!(first.starts_with("a_model-1-"), "{first}");
        fs::write(&file, "12").unwrap();
        assert_ne!(identity(&file).unwrap(), first);
    }
}
