//! The clients' packages, in the user's cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::suites::{Language, Suite};
use crate::cache::cache_folder;
use crate::{root, shell};

/// The folder of everything that is installed and reported.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = std::path::absolute(cache_folder()?)?.join("clients");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where the programs and the pinned versions of a language stand in this repository.
pub(super) fn sources(language: Language) -> PathBuf {
    let name = match language {
        Language::Python => "python",
        Language::Node => "node",
    };
    root().join("xtask").join("clients").join(name)
}

/// Node finds packages beside the program that wants them, so it runs a copy of it here.
pub(super) fn node_folder() -> Result<PathBuf> {
    Ok(folder()?.join("node"))
}

/// The Python that has the clients.
pub(super) fn python() -> Result<PathBuf> {
    let environment = folder()?.join("python");
    Ok(match cfg!(windows) {
        true => environment.join("Scripts").join("python.exe"),
        false => environment.join("bin").join("python"),
    })
}

/// Installs what is pinned, unless exactly that is there.
pub(super) fn install(language: Language) -> Result<()> {
    match language {
        Language::Python => {
            let pins = sources(language).join("requirements.txt");
            unless_there(&pins, &folder()?.join("python"), install_python)
        }
        Language::Node => {
            let pins = sources(language).join("package-lock.json");
            let to = node_folder()?;
            unless_there(&pins, &to, install_node)?;
            copy(&sources(language), &to)
        }
    }
}

/// A copy of the pins is left beside what was installed, once all of it was.
fn unless_there(pins: &Path, to: &Path, install: fn(&Path, &Path) -> Result<()>) -> Result<()> {
    let stamp = to.join("installed");
    let wanted = fs::read(pins).with_context(|| pins.display().to_string())?;
    if fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    install(pins, to)?;
    Ok(fs::write(stamp, wanted)?)
}

fn install_python(pins: &Path, to: &Path) -> Result<()> {
    let mut venv = Command::new("python3");
    shell::run(venv.args(["-m", "venv"]).arg(to)).context("Python 3.11 with venv is needed")?;
    let mut pip = Command::new(python()?);
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes"]);
    pip.args(["--disable-pip-version-check", "--requirement"]);
    shell::run(pip.arg(pins)).context("is pip's index reachable?")
}

fn install_node(pins: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    copy(pins.parent().unwrap_or(pins), to)?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    npm.args(["--loglevel", "error"]);
    shell::run(npm.current_dir(to)).context("Node 20 with npm is needed, and its registry")
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The pinned version of a suite's client.
pub(super) fn version(suite: &Suite) -> Result<String> {
    let sources = sources(suite.language);
    let found = match suite.language {
        Language::Python => {
            let pins = fs::read_to_string(sources.join("requirements.txt"))?;
            let start = format!("{}==", suite.package);
            let version = pins.lines().find_map(|line| line.strip_prefix(&start));
            version.and_then(|rest| Some(rest.split(' ').next()?.to_owned()))
        }
        Language::Node => {
            let text = fs::read_to_string(sources.join("package.json"))?;
            let package: Value = serde_json::from_str(&text)?;
            let version = &package["dependencies"][suite.package];
            version.as_str().map(str::to_owned)
        }
    };
    found.with_context(|| format!("no version of {} is pinned", suite.package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (pins, to) = (folder.path().join("pins"), folder.path().join("to"));
        let install: fn(&Path, &Path) -> Result<()> = |_, to| {
            fs::create_dir(to)?;
            Ok(fs::write(to.join("package"), "")?)
        };
        fs::write(&pins, "a==1").unwrap();
        unless_there(&pins, &to, install).unwrap();
        fs::remove_file(to.join("package")).unwrap();
        unless_there(&pins, &to, install).unwrap();
        assert!(!to.join("package").exists());
        fs::write(&pins, "a==2").unwrap();
        unless_there(&pins, &to, install).unwrap();
        assert!(to.join("package").exists());
    }

    #[test]
    fn every_python_package_is_pinned_by_hash() {
        let path = sources(Language::Python).join("requirements.txt");
        let text = fs::read_to_string(path).unwrap();
        for package in text.split("\n\n").flat_map(|part| part.split("\\\n")) {
            let line = package.trim();
            assert!(
                line.contains("==") || line.contains("--hash=sha256:"),
                "{line}"
            );
        }
    }
}
