//! GGUF models in several files: `name-00001-of-00003.gguf` and so on, as `llama-gguf-split` of
//! llama.cpp writes them.

use std::path::Path;

use crate::error::Fault;
use crate::gguf::Metadata;

/// How many files the model has.
pub(super) const COUNT: &str = "split.count";
/// Which of them this is, from 0 on.
const NUMBER: &str = "split.no";
/// The largest known models have some tens.
const MOST_PARTS: usize = 1_024;
const SUFFIX: &str = ".gguf";

/// The name of a file that is part of a model.
#[derive(Debug, PartialEq)]
pub(super) struct Part<'a> {
    stem: &'a str,
    count: &'a str,
}

impl<'a> Part<'a> {
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let name = name.strip_suffix(SUFFIX)?;
        let (rest, count) = name.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        (digits(number) && digits(count)).then_some(Self { stem, count })
    }

    /// The name of the model's part with this number, from 1 on.
    pub(super) fn sibling(&self, number: usize) -> String {
        format!("{}-{number:05}-of-{}{SUFFIX}", self.stem, self.count)
    }
}

/// How many files the model of this file has.
pub(super) fn count(metadata: &Metadata<'_>) -> Result<usize, Fault> {
    let count = metadata.integer(COUNT, MOST_PARTS as u64)?;
    Ok(count.unwrap_or(1).max(1) as usize)
}

/// A part of a model says so, and is the right one.
pub(super) fn check(metadata: &Metadata<'_>, number: usize, parts: usize) -> Result<(), Fault> {
    let found = count(metadata)?;
    if found != parts {
        let problem = format!("is {found}, but the first file says {parts}");
        return Err(Fault::metadata(COUNT, problem));
    }
    match metadata.integer(NUMBER, MOST_PARTS as u64)? {
        Some(found) if found == number as u64 => Ok(()),
        found => {
            let found = found.map_or("missing".to_owned(), |n| n.to_string());
            let problem = format!("is {found}, but by its name this is part {number}");
            Err(Fault::metadata(NUMBER, problem))
        }
    }
}

/// The first file of the model that this file is part of, by their names.
pub(super) fn first_of(path: &Path) -> Option<std::path::PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(Part::of(name)?.sibling(1)))
}
