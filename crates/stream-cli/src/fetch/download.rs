//! Downloads a file, and goes on where an earlier download broke off.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use url::Url;

use super::client::{Client, Response, public};
use super::copy::{CopyError, copy};
use super::{FetchError, digest};

/// Tries that may bring nothing new, one after another, before the download is given up.
const FRUITLESS_TRIES: u32 = 4;
/// The pause after the first such try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(250);

/// Downloads `url` into `part` and checks it. What `part` holds already is kept and completed;
/// if the whole then has the wrong hash, the download starts over once.
pub(super) fn download(
    client: &Client,
    url: &Url,
    part: &Path,
    sha256: &str,
    bar: &ProgressBar,
) -> Result<(), FetchError> {
    let resumed = length(part) > 0;
    complete(client, url, part, bar)?;
    if resumed && !digest::matches(part, sha256)? {
        discard(part)?;
        complete(client, url, part, bar)?;
    }
    verify(part, sha256)
}

fn verify(part: &Path, sha256: &str) -> Result<(), FetchError> {
    let found = digest::of_file(part)?;
    if found == sha256 {
        return Ok(());
    }
    discard(part)?;
    Err(FetchError::WrongHash {
        path: part.to_owned(),
        found,
        expected: sha256.to_owned(),
    })
}

/// Asks for what is missing until all is there.
fn complete(client: &Client, url: &Url, part: &Path, bar: &ProgressBar) -> Result<(), FetchError> {
    let mut most = length(part);
    let mut fruitless = 0;
    loop {
        let error = match advance(client, url, part, bar) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        fruitless = if length(part) > most {
            0
        } else {
            fruitless + 1
        };
        most = most.max(length(part));
        if !error.is_transient() || fruitless >= FRUITLESS_TRIES {
            return Err(error);
        }
        std::thread::sleep(PAUSE * 2_u32.pow(fruitless));
    }
}

/// Sends one request for what is missing, and appends what comes.
fn advance(client: &Client, url: &Url, part: &Path, bar: &ProgressBar) -> Result<(), FetchError> {
    let have = length(part);
    let range = [("range", format!("bytes={have}-"))];
    let headers = if have > 0 { &range[..] } else { &[] };
    let response = client.get(url, headers)?;
    match response.status().as_u16() {
        206 if range_start(&response) == Some(have) => append(response, part, have, bar),
        200 => append(response, part, 0, bar),
        416 if range_total(&response) == Some(have) => Ok(()),
        206 | 416 => {
            discard(part)?;
            Err(broke_off(part, "the server cannot go on from there"))
        }
        status => Err(FetchError::Status {
            url: public(url).into(),
            status,
        }),
    }
}

/// Writes the answer's body behind the first `have` bytes of `part`.
fn append(
    mut response: Response,
    part: &Path,
    have: u64,
    bar: &ProgressBar,
) -> Result<(), FetchError> {
    let expected = response.body().content_length();
    let file = opened(part, have).map_err(|e| FetchError::disk(part, e))?;
    bar.set_length(expected.map_or(0, |n| have + n));
    bar.reset();
    bar.set_position(have);
    // The default limit of a body's length is meant for answers that are kept in memory.
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    copy(body, &file, bar).map_err(|error| match error {
        CopyError::Read(e) => broke_off(part, &e.to_string()),
        CopyError::Write(e) => FetchError::disk(part, e),
    })?;
    file.sync_all().map_err(|e| FetchError::disk(part, e))?;
    let received = length(part) - have;
    match expected {
        Some(expected) if received < expected => {
            Err(broke_off(part, "the server closed the connection"))
        }
        _ => Ok(()),
    }
}

fn opened(part: &Path, have: u64) -> std::io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(part)?;
    file.set_len(have)?;
    Ok(file)
}

fn broke_off(part: &Path, why: &str) -> FetchError {
    FetchError::BrokeOff {
        have: length(part),
        why: why.to_owned(),
    }
}

fn length(part: &Path) -> u64 {
    fs::metadata(part).map_or(0, |found| found.len())
}

fn discard(part: &Path) -> Result<(), FetchError> {
    fs::remove_file(part).map_err(|e| FetchError::disk(part, e))
}

/// The first byte that a 206 answer holds: `Content-Range: bytes START-END/TOTAL` (RFC 9110, 14.4).
fn range_start(response: &Response) -> Option<u64> {
    content_range(response)?.split_once('-')?.0.parse().ok()
}

/// The length of the whole file, as a 416 answer tells it: `Content-Range: bytes */TOTAL`.
fn range_total(response: &Response) -> Option<u64> {
    content_range(response)?.split_once('/')?.1.parse().ok()
}

fn content_range(response: &Response) -> Option<&str> {
    let value = response.headers().get("content-range")?.to_str().ok()?;
    value.strip_prefix("bytes ")
}
