//! The hub, and the cache that stands before it.

mod cache;
mod choose;
mod client;
mod digest;
mod download;
mod shards;

use std::path::PathBuf;

use super::{HubConfig, HubError, HubReference, Progress, Wanted};
use cache::RepoCache;
use choose::{CONFIG, Choice, SAFETENSORS};
use client::{Client, Listing};

pub(super) const COMPILED: bool = true;

pub(super) fn locate(
    reference: &HubReference,
    config: &HubConfig,
    progress: &mut dyn Progress,
) -> Result<PathBuf, HubError> {
    let cache = RepoCache::new(config, reference);
    if config.offline {
        return cached(reference, &cache, "HF_HUB_OFFLINE forbids to fetch");
    }
    if cache::is_commit(reference.revision()) {
        // A commit never changes.
        if let Ok(found) = cached(reference, &cache, "") {
            return Ok(found);
        }
    }
    let client = Client::new(config, reference)?;
    match client.list() {
        Ok(listing) => fetch(reference, &cache, &client, &listing, progress),
        Err(error @ HubError::Unreachable { .. }) => cached(reference, &cache, &error.to_string()),
        Err(error) => Err(error),
    }
}

/// Fetches what is missing, and then, when all is there, lets the revision's name point to it.
fn fetch(
    reference: &HubReference,
    cache: &RepoCache,
    client: &Client,
    listing: &Listing,
    progress: &mut dyn Progress,
) -> Result<PathBuf, HubError> {
    let mut fetch = |file: &str| download::fetch(client, cache, &listing.commit, file, progress);
    let found = match choose::choose(reference, &listing.files)? {
        Choice::File(file) => fetch(&file)?,
        Choice::Folder { files, index } => {
            for file in &files {
                fetch(file)?;
            }
            if let Some(index) = index {
                for shard in shards::named_in(&fetch(index)?)? {
                    fetch(&shard)?;
                }
            }
            cache.snapshot(&listing.commit)
        }
    };
    cache.point_revision_to(&listing.commit)?;
    Ok(found)
}

/// What the cache has, if that is all that is needed.
fn cached(reference: &HubReference, cache: &RepoCache, why: &str) -> Result<PathBuf, HubError> {
    let missing = |files: Vec<String>, folder: PathBuf| HubError::NotCached {
        missing: files,
        folder,
        why: why.to_owned(),
    };
    let Some(commit) = cache.commit()? else {
        return Err(missing(expected(reference), cache.folder()));
    };
    let snapshot = cache.snapshot(&commit);
    let files = cache.files(&commit)?;
    let lacking = |names: Vec<String>| -> Vec<String> {
        let is_there = |name: &String| files.contains(name);
        names.into_iter().filter(|name| !is_there(name)).collect()
    };
    let (found, needed) = match choose::choose(reference, &files) {
        Ok(Choice::File(file)) => (snapshot.join(&file), vec![file]),
        Ok(Choice::Folder { index: None, .. }) => (snapshot.clone(), Vec::new()),
        Ok(Choice::Folder {
            index: Some(index), ..
        }) => {
            let shards = shards::named_in(&snapshot.join(index))?;
            (snapshot.clone(), shards.into_iter().collect())
        }
        Err(ambiguous @ HubError::Choice { several: true, .. }) => return Err(ambiguous),
        Err(_) => (snapshot.clone(), expected(reference)),
    };
    match lacking(needed) {
        lacking if lacking.is_empty() => Ok(found),
        lacking => Err(missing(lacking, snapshot)),
    }
}

/// What is looked for where nothing tells the names of the files.
fn expected(reference: &HubReference) -> Vec<String> {
    match reference.wanted() {
        Wanted::Model => vec![CONFIG.to_owned(), SAFETENSORS.to_owned()],
        Wanted::File(file) => vec![file.clone()],
        Wanted::Quantisation(text) => vec![format!("*{text}*.gguf")],
    }
}
