//! Copies bytes, and tells which side failed.

use std::io::{self, Read, Write};

use indicatif::ProgressBar;

const BUFFER: usize = 256 * 1024;

/// The side of a copy that failed.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies everything, and moves the bar along.
pub(super) fn copy(
    mut from: impl Read,
    mut to: impl Write,
    bar: &ProgressBar,
) -> Result<(), CopyError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = match from.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(CopyError::Read)?,
        };
        let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else {
            return to.flush().map_err(CopyError::Write);
        };
        to.write_all(bytes).map_err(CopyError::Write)?;
        bar.inc(n as u64);
    }
}
