//! Where everything of the peers lies.

use std::path::PathBuf;

use anyhow::Result;

use super::list::Peer;
use crate::cache::{cache_folder, variable};
use crate::root;

/// The folder of the peers, outside the repository.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    /// The one that `STREAM_ENGINE_PEERS` names, or else the one in the user's cache folder.
    pub(super) fn find() -> Result<Self> {
        let folder = match variable("STREAM_ENGINE_PEERS") {
            Some(folder) => folder,
            None => cache_folder()?.join("peers"),
        };
        Ok(Self(std::path::absolute(folder)?))
    }

    /// This folder.
    #[cfg(test)]
    pub(super) fn at(folder: &std::path::Path) -> Self {
        Self(folder.to_owned())
    }

    /// A Python environment: of a peer, or of the tool that installs them.
    pub(super) fn environment(&self, name: &str) -> PathBuf {
        self.0.join("environments").join(name)
    }

    /// The Python of an environment.
    pub(super) fn python(&self, name: &str) -> PathBuf {
        let environment = self.environment(name);
        match cfg!(windows) {
            true => environment.join("Scripts").join("python.exe"),
            false => environment.join("bin").join("python"),
        }
    }

    /// A program that a package of a peer brought beside its Python code.
    pub(super) fn packaged(&self, peer: &Peer, name: &str) -> Option<PathBuf> {
        let versions = self.environment(peer.name).join("lib").read_dir().ok()?;
        let mut found = versions.flatten().map(|version| {
            let packages = version.path().join("site-packages");
            packages.join("bin").join(name)
        });
        found.find(|path| path.is_file())
    }

    /// A file in a peer's environment that says what was installed, once all of it was.
    pub(super) fn stamp(&self, peer: &Peer) -> PathBuf {
        self.environment(peer.name).join("installed.txt")
    }

    /// Packages as they were fetched: environments share their files with it and each other.
    pub(super) fn packages(&self) -> PathBuf {
        self.0.join("packages")
    }

    /// Models in the forms of the peers.
    pub(super) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Why peers cannot take part, a file for each.
    pub(super) fn reasons(&self) -> PathBuf {
        self.0.join("reasons")
    }
}

/// A program of the folder `xtask/peers`.
pub(super) fn program(name: &str) -> PathBuf {
    root().join("xtask").join("peers").join(name)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_programs_of_peers_pass_their_own_tests() {
        let tests = ["-B", "-m", "unittest", "--quiet"];
        let mut python = Command::new("python3");
        let output = python
            .args(tests)
            .current_dir(program(""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("OK"), "{said}");
    }
}
