//! Why a model of the hub is not here.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model of the hub could not be had, with what the person can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// This program cannot fetch from the hub.
    #[error(
        "{reference} is on the Hugging Face hub, and this program was built without it; build with the feature `hub`, or name a local file or folder"
    )]
    NotCompiled {
        /// What was asked for.
        reference: String,
    },
    /// No place for the cache is known.
    #[error("no home folder is known, so there is no cache folder: set HF_HOME to a folder")]
    NoCacheFolder,
    /// The endpoint is no web address.
    #[error(
        "the hub's address `{0}` is not an http or https address; set HF_ENDPOINT to one that is"
    )]
    Endpoint(String),
    /// Nothing answers there.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The hub answers with a status that means nothing in particular here.
    #[error("{url} answers with HTTP status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// HTTP status 401: the hub wants to know who asks, or does not take the token.
    #[error("the hub wants to know who asks for {repo}: {}", token_advice(*.token_sent))]
    Unauthorized {
        /// `OWNER/REPO`.
        repo: String,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// HTTP status 403: the model's terms were not accepted, or the token may not read it.
    #[error(
        "access to {repo} is restricted: accept its terms on its page on the hub, and set HF_TOKEN to a token that may read it ({})",
        if *.token_sent { "the one that was sent may not" } else { "none was sent" }
    )]
    Gated {
        /// `OWNER/REPO`.
        repo: String,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// HTTP status 404 for the repository.
    #[error(
        "there is no repository {repo} on the hub, or it is private: {}",
        token_advice(*.token_sent)
    )]
    NoRepository {
        /// `OWNER/REPO`.
        repo: String,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// HTTP status 404 for the revision.
    #[error("{repo} has no branch, tag or commit `{revision}`")]
    NoRevision {
        /// `OWNER/REPO`.
        repo: String,
        /// What was asked for.
        revision: String,
    },
    /// HTTP status 404 for a file.
    #[error("{repo} has no file {file} at the revision {revision}")]
    NoFile {
        /// `OWNER/REPO`.
        repo: String,
        /// The revision.
        revision: String,
        /// What was asked for.
        file: String,
    },
    /// The repository holds no model of a known kind.
    #[error(
        "{repo} holds no model that can be read: neither config.json with model.safetensors or model.safetensors.index.json, nor a .gguf file"
    )]
    NoModel {
        /// `OWNER/REPO`.
        repo: String,
    },
    /// No file of the repository is meant, or several.
    #[error(
        "{repo} has {} {wanted}; name one as hf:{repo}/FILE or {repo}:QUANTISATION; it has: {}",
        if *.several { "several files for" } else { "no file for" },
        listed(candidates)
    )]
    Choice {
        /// `OWNER/REPO`.
        repo: String,
        /// What was wanted.
        wanted: String,
        /// Whether several files fit, and not none.
        several: bool,
        /// The files that fit; all GGUF files if none does.
        candidates: Vec<String>,
    },
    /// The list of shards names something that is no file of the repository.
    #[error("{}: {problem}", path.display())]
    Index {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The answer is not that of a hub.
    #[error("{url} does not answer as the hub does: {problem}")]
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The connection was lost, several times over.
    #[error(
        "the download of {file} broke off after {have} of {total} bytes ({why}); the next try goes on from there"
    )]
    BrokeOff {
        /// The file.
        file: String,
        /// Bytes that are on this machine.
        have: u64,
        /// Bytes of the whole file.
        total: u64,
        /// What went wrong.
        why: String,
    },
    /// More bytes came than the file has, or the content is another one than the hub announced.
    #[error("{file} came with {found} instead of {expected}; what came was deleted, try again")]
    WrongContent {
        /// The file.
        file: String,
        /// The length or hash that came.
        found: String,
        /// The length or hash that was announced.
        expected: String,
    },
    /// The cache lacks something, and the hub was not asked or could not be.
    #[error("{} {} not in the cache folder {}, and {why}", missing.join(", "), if missing.len() == 1 { "is" } else { "are" }, folder.display())]
    NotCached {
        /// Files that are missing, as far as is known.
        missing: Vec<String>,
        /// Where they would be.
        folder: PathBuf,
        /// Why they were not fetched.
        why: String,
    },
    /// There is no room for the file.
    #[error("the disk is full: {} cannot be written", .0.display())]
    DiskFull(PathBuf),
    /// The cache cannot be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl HubError {
    /// A failure to read or write `path`.
    pub fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Disk { path, source },
        }
    }

    /// Whether the same call may work in a moment.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::BrokeOff { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}

fn token_advice(sent: bool) -> &'static str {
    match sent {
        true => "the token that was sent does not help; check HF_TOKEN",
        false => "set HF_TOKEN to a token that may read it",
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no .gguf file".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let path = Path::new("x");
        let full = HubError::disk(path, io::ErrorKind::StorageFull.into());
        assert!(matches!(full, HubError::DiskFull(_)), "{full}");
        let other = HubError::disk(path, io::ErrorKind::PermissionDenied.into());
        assert!(matches!(other, HubError::Disk { .. }), "{other}");
    }
}
