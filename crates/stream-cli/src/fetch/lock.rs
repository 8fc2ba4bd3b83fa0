//! One pull of a file at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::FetchError;

/// Holds the lock file at `path` until it is dropped, and waits if another process holds it. The
/// file itself stays: to delete it would let two waiting processes lock two different files.
pub(super) fn acquire(path: &Path) -> Result<File, FetchError> {
    let error = |e| FetchError::disk(path, e);
    let file = File::create(path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::Error(e)) => return Err(error(e)),
        Err(TryLockError::WouldBlock) => {
            eprintln!("another process is fetching the same file; waiting for it");
        }
    }
    file.lock().map_err(error)?;
    Ok(file)
}
