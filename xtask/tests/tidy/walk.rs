//! The files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", ".git"];
/// The rules themselves spell out what they forbid.
const RULES: &str = "xtask/tests/tidy/";
/// `cargo xtask setup libtorch` writes it, and git ignores it.
const MADE: &str = ".cargo/libtorch.toml";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Path from the root, with slashes, and text of every file that people write.
pub(crate) fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root(), "", &mut files);
    files.retain(|(path, _)| !path.starts_with(RULES) && path != MADE);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), files);
            }
        } else if is_written(&path) {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

fn is_written(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or_default();
    matches!(extension, "rs" | "toml" | "md" | "sh" | "py" | "yml") || path == ".ci/run"
}
