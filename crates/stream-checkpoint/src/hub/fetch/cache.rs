//! A repository's folder in the cache, laid out as `huggingface_hub` does:
//! `models--OWNER--REPO/{blobs/ETAG, snapshots/COMMIT/FILE -> ../../blobs/ETAG, refs/REVISION}`, and
//! locks in `.locks/models--OWNER--REPO/ETAG.lock`.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::super::{HubConfig, HubError, HubReference};

/// A folder of the cache that belongs to one repository and revision.
pub(super) struct RepoCache {
    layout: CacheRepo,
    folder: PathBuf,
    locks: PathBuf,
    revision: String,
}

/// Whether a revision is a whole commit hash.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

impl RepoCache {
    pub(super) fn new(config: &HubConfig, reference: &HubReference) -> Self {
        let repo = Repo::with_revision(
            reference.repo().to_owned(),
            RepoType::Model,
            reference.revision().to_owned(),
        );
        let name = repo.folder_name();
        Self {
            folder: config.cache.join(&name),
            locks: config.cache.join(".locks").join(&name),
            revision: reference.revision().to_owned(),
            layout: Cache::new(config.cache.clone()).repo(repo),
        }
    }

    /// The repository's folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The folder with the files of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.layout.pointer_path(commit)
    }

    /// Where content of this entity tag is kept.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.layout.blob_path(etag)
    }

    /// The commit that the revision meant when it was last fetched.
    pub(super) fn commit(&self) -> Result<Option<String>, HubError> {
        if is_commit(&self.revision) {
            return Ok(Some(self.revision.clone()));
        }
        let path = self.folder.join("refs").join(&self.revision);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| is_commit(text))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(HubError::disk(&path, e)),
        }
    }

    /// Remembers what the revision means. A commit means itself.
    pub(super) fn point_revision_to(&self, commit: &str) -> Result<(), HubError> {
        if is_commit(&self.revision) || self.commit()?.as_deref() == Some(commit) {
            return Ok(());
        }
        let failed = |e| HubError::disk(&self.folder.join("refs").join(&self.revision), e);
        self.layout.create_ref(commit).map_err(failed)
    }

    /// The files of a commit that are here, as paths with slashes. A link whose blob is gone is
    /// no file.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<String>, HubError> {
        let mut files = Vec::new();
        collect(&self.snapshot(commit), "", &mut files)?;
        Ok(files)
    }

    /// Lets the file of a commit show the blob of this entity tag.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<PathBuf, HubError> {
        let pointer = self.snapshot(commit).join(file);
        let failed = |e| HubError::disk(&pointer, e);
        if let Some(folder) = pointer.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // In the place of a link that led to nothing or to other content.
        match fs::remove_file(&pointer) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        // Up from the file's folders, and from `snapshots/COMMIT`.
        let up = 1 + Path::new(file).components().count();
        let mut target: PathBuf = std::iter::repeat_n(Component::ParentDir, up).collect();
        target.push("blobs");
        target.push(etag);
        show(&target, &self.blob(etag), &pointer).map_err(failed)?;
        Ok(pointer)
    }

    /// Holds the lock of a blob until it is dropped; waits while another program downloads it.
    pub(super) fn lock(&self, etag: &str) -> Result<File, HubError> {
        let path = self.locks.join(format!("{etag}.lock"));
        let failed = |e| HubError::disk(&path, e);
        fs::create_dir_all(&self.locks).map_err(failed)?;
        let file = File::create(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

#[cfg(unix)]
fn show(target: &Path, _blob: &Path, pointer: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, pointer)
}

/// Where links need rights that users lack, the snapshot holds a second name of the blob, or a
/// copy, as `huggingface_hub` has it.
#[cfg(not(unix))]
fn show(_target: &Path, blob: &Path, pointer: &Path) -> io::Result<()> {
    fs::hard_link(blob, pointer).or_else(|_| fs::copy(blob, pointer).map(drop))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), HubError> {
    let failed = |e| HubError::disk(folder, e);
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Names that are no Unicode are not from the hub.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files)?;
        } else if path.is_file() {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
