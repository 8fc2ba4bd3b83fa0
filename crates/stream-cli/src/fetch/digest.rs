//! sha256 of files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use super::copy::{CopyError, copy};
use super::{FetchError, Source};

/// Whether the model file at `path` is there, of the right length and of the right content.
pub(crate) fn is_whole(path: &Path, source: &Source<'_>) -> Result<bool, FetchError> {
    match fs::metadata(path) {
        Ok(found) if found.len() == source.bytes => matches(path, source.sha256),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FetchError::disk(path, error)),
    }
}

/// Whether the file at `path` has this sha256.
pub(super) fn matches(path: &Path, sha256: &str) -> Result<bool, FetchError> {
    Ok(of_file(path)? == sha256)
}

/// The sha256 of the file at `path`, in lower-case hex.
pub(crate) fn of_file(path: &Path) -> Result<String, FetchError> {
    let file = File::open(path).map_err(|e| FetchError::disk(path, e))?;
    let mut hashed = Hashed::new(io::sink());
    let copied = copy(file, &mut hashed, &ProgressBar::hidden());
    copied.map_err(|(CopyError::Read(e) | CopyError::Write(e))| FetchError::disk(path, e))?;
    Ok(hashed.finish().1)
}

/// A writer that computes the sha256 of what passes.
pub(super) struct Hashed<W> {
    inner: W,
    sha256: Sha256,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            sha256: Sha256::new(),
        }
    }

    /// The writer, and the sha256 in lower-case hex.
    pub(super) fn finish(self) -> (W, String) {
        let digest = self.sha256.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, hex)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.sha256.update(bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
