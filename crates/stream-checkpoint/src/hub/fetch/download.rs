//! Fetches a file into the cache, and goes on where an earlier download broke off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{HubError, Progress};
use super::cache::RepoCache;
use super::client::{Client, Remote, Response, header};
use super::digest;

/// Tries that may bring nothing new, one after another, before a file is given up.
const FRUITLESS_TRIES: u32 = 4;
/// The pause after the first such try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);
const BUFFER: usize = 256 * 1024;

/// The file of a commit, in the cache. Under its final name it is always whole.
pub(super) fn fetch(
    client: &Client,
    cache: &RepoCache,
    commit: &str,
    file: &str,
    progress: &mut dyn Progress,
) -> Result<PathBuf, HubError> {
    let pointer = cache.snapshot(commit).join(file);
    if pointer.is_file() {
        return Ok(pointer);
    }
    let remote = persist(|| 0, || client.describe(commit, file))?;
    let blob = cache.blob(&remote.etag);
    let _lock = cache.lock(&remote.etag)?;
    if pointer.is_file() {
        // Another program brought it while this one waited.
        return Ok(pointer);
    }
    if length(&blob) != Some(remote.bytes) {
        let download = Download {
            client,
            remote: &remote,
            file,
            part: part_of(&blob),
        };
        download.complete(progress)?;
        fs::rename(&download.part, &blob).map_err(|e| HubError::disk(&blob, e))?;
    }
    progress.advance(file, remote.bytes, remote.bytes);
    cache.link(commit, file, &remote.etag)
}

/// The name that `huggingface_hub` gives to an unfinished download too.
fn part_of(blob: &Path) -> PathBuf {
    let mut name = blob.file_name().unwrap_or_default().to_owned();
    name.push(".incomplete");
    blob.with_file_name(name)
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}

/// Tries until it is done, or nothing new came for a while; `have` says how much has come.
fn persist<T>(
    have: impl Fn() -> u64,
    mut attempt: impl FnMut() -> Result<T, HubError>,
) -> Result<T, HubError> {
    let mut most = have();
    let mut fruitless = 0;
    loop {
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        fruitless = if have() > most { 0 } else { fruitless + 1 };
        most = most.max(have());
        if !error.is_transient() || fruitless >= FRUITLESS_TRIES {
            return Err(error);
        }
        std::thread::sleep(PAUSE * 2_u32.pow(fruitless));
    }
}

/// One file on its way.
struct Download<'a> {
    client: &'a Client,
    remote: &'a Remote,
    file: &'a str,
    part: PathBuf,
}

impl Download<'_> {
    /// Brings the whole file under its unfinished name, and checks it. If what an earlier
    /// download left turns out to be something else, it starts over once.
    fn complete(&self, progress: &mut dyn Progress) -> Result<(), HubError> {
        if let Some(folder) = self.part.parent() {
            fs::create_dir_all(folder).map_err(|e| HubError::disk(folder, e))?;
        }
        let resumed = self.have() > 0;
        self.bring(progress)?;
        match self.verify() {
            Err(HubError::WrongContent { .. }) if resumed => {
                self.bring(progress)?;
                self.verify()
            }
            verified => verified,
        }
    }

    fn bring(&self, progress: &mut dyn Progress) -> Result<(), HubError> {
        persist(|| self.have(), || self.advance(progress))
    }

    /// Sends one request for what is missing, and appends what comes.
    fn advance(&self, progress: &mut dyn Progress) -> Result<(), HubError> {
        let have = self.have();
        if have > self.remote.bytes {
            self.discard()?;
            return Err(self.broke_off("more was there than the file has"));
        }
        if have == self.remote.bytes && self.part.exists() {
            return Ok(());
        }
        let url = &self.remote.url;
        let response = self.client.open(url, have)?;
        match response.status().as_u16() {
            206 if range_start(&response) == Some(have) => self.append(response, have, progress),
            200 => self.append(response, 0, progress),
            206 | 416 => {
                self.discard()?;
                Err(self.broke_off("the hub cannot go on from there"))
            }
            _ => Err(self.client.refusal(url, &response, Some(self.file))),
        }
    }

    /// Writes the answer's body behind the first `have` bytes.
    fn append(
        &self,
        mut response: Response,
        have: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        let bytes = self.remote.bytes;
        let coming = response.body().content_length().map(|n| have + n);
        if let Some(found) = coming.filter(|found| *found != bytes) {
            self.discard()?;
            return Err(self.wrong_length(found));
        }
        let failed = |e| HubError::disk(&self.part, e);
        let file = opened(&self.part, have).map_err(failed)?;
        // The default limit is meant for bodies that are kept in memory. One byte more than
        // announced is enough to see that it is wrong.
        let limit = (bytes - have).saturating_add(1);
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        self.copy(body.take(limit), &file, have, progress)?;
        file.sync_all().map_err(failed)?;
        match self.have() {
            found if found < bytes => Err(self.broke_off("the connection was closed")),
            found if found > bytes => {
                self.discard()?;
                Err(self.wrong_length(found))
            }
            _ => Ok(()),
        }
    }

    fn copy(
        &self,
        mut from: impl Read,
        mut to: impl Write,
        mut done: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        let mut buffer = vec![0; BUFFER];
        progress.advance(self.file, done, self.remote.bytes);
        loop {
            let n = match from.read(&mut buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|e| self.broke_off(&e.to_string()))?,
            };
            let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            to.write_all(bytes)
                .map_err(|e| HubError::disk(&self.part, e))?;
            done += n as u64;
            progress.advance(self.file, done, self.remote.bytes);
        }
    }

    /// Whether the content is what the hub announced; if not, it is deleted.
    fn verify(&self) -> Result<(), HubError> {
        let found = digest::like(&self.remote.etag, &self.part);
        match found.map_err(|e| HubError::disk(&self.part, e))? {
            Some(found) if !found.eq_ignore_ascii_case(&self.remote.etag) => {
                self.discard()?;
                Err(self.wrong_content(format!("hash {found}"), self.remote.etag.clone()))
            }
            _ => Ok(()),
        }
    }

    fn have(&self) -> u64 {
        length(&self.part).unwrap_or(0)
    }

    fn discard(&self) -> Result<(), HubError> {
        match fs::remove_file(&self.part) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(HubError::disk(&self.part, e)),
            _ => Ok(()),
        }
    }

    fn broke_off(&self, why: &str) -> HubError {
        HubError::BrokeOff {
            file: self.file.to_owned(),
            have: self.have(),
            total: self.remote.bytes,
            why: why.to_owned(),
        }
    }

    fn wrong_length(&self, found: u64) -> HubError {
        let bytes = |n: u64| format!("{n} bytes");
        // All that is known of a body that is cut at its first surplus byte.
        let found = match found == self.remote.bytes + 1 {
            true => format!("at least {found} bytes"),
            false => bytes(found),
        };
        self.wrong_content(found, bytes(self.remote.bytes))
    }

    fn wrong_content(&self, found: String, expected: String) -> HubError {
        HubError::WrongContent {
            file: self.file.to_owned(),
            found,
            expected,
        }
    }
}

fn opened(part: &Path, have: u64) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(part)?;
    file.set_len(have)?;
    Ok(file)
}

/// The first byte that a 206 answer holds: `Content-Range: bytes START-END/TOTAL` (RFC 9110, 14.4).
fn range_start(response: &Response) -> Option<u64> {
    let range = header(response, "content-range")?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}
