//! A checkpoint of one GGUF file, or of several that are one model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Checkpoint;
use super::split::{self, Part};
use crate::defaults::{Defaults, SamplingDefaults};
use crate::error::{CheckpointError, Fault};
use crate::family::{DIVISORS, from_gguf, gguf_name};
use crate::gguf::{self, Metadata};
use crate::source::{Access, Source};
use crate::tokenizer::{ModelTokenizer, token_count};
use crate::weights::{Files, TensorTable, WeightPlan, Weights};

const NAME: &str = "general.name";

pub(super) fn open(path: &Path, access: Access) -> Result<Checkpoint, CheckpointError> {
    let first = match split::first_of(path) {
        Some(first) => first,
        None => path.to_owned(),
    };
    let source =
        Source::open(&first, access).map_err(|fault| CheckpointError::new(&first, fault))?;
    read(&first, source, |part| {
        let part = sibling(&first, part)?;
        Source::open(&part, access)
            .map(|source| (part.clone(), source))
            .map_err(|fault| CheckpointError::new(&part, fault))
    })
}

/// The file of another part, from 1 on.
fn sibling(first: &Path, number: usize) -> Result<PathBuf, CheckpointError> {
    let name = first.file_name().and_then(|name| name.to_str());
    let part = name.and_then(Part::of);
    part.map(|part| first.with_file_name(part.sibling(number)))
        .ok_or_else(|| {
            let name = "not called `…-00001-of-0000N.gguf`";
            let problem = format!("is above 1, but the file is {name}, so the others are unknown");
            CheckpointError::new(first, Fault::metadata(split::COUNT, problem))
        })
}

pub(super) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    read(path, Source::Owned(bytes), |_| {
        let feature = format!("several files to be read as one (`{}`)", split::COUNT);
        Err(CheckpointError::new(path, Fault::feature(feature)))
    })
}

/// Reads a model from its first file; `part` opens the others, from 2 on.
fn read(
    path: &Path,
    first: Source,
    part: impl Fn(usize) -> Result<(PathBuf, Source), CheckpointError>,
) -> Result<Checkpoint, CheckpointError> {
    let first = Arc::new(first);
    let (mut files, mut table) = (Files::default(), TensorTable::default());
    let error = |fault: Fault| CheckpointError::new(path, fault);
    let metadata = gguf::parse(first.bytes(), 0, &mut table).map_err(error)?;
    files.push(path, first.clone());
    let parts = split::count(&metadata).map_err(error)?;
    if parts > 1 {
        split::check(&metadata, 0, parts).map_err(error)?;
    }
    for number in 1..parts {
        let (path, source) = part(number + 1)?;
        add_part(&source, number, parts, &mut table)
            .map_err(|fault| CheckpointError::new(&path, fault))?;
        files.push(&path, Arc::new(source));
    }
    assemble(path, &metadata, files, table).map_err(error)
}

fn add_part(
    source: &Source,
    number: usize,
    parts: usize,
    table: &mut TensorTable,
) -> Result<(), Fault> {
    let metadata = gguf::parse(source.bytes(), number, table)?;
    split::check(&metadata, number, parts)
}

fn assemble(
    path: &Path,
    metadata: &Metadata<'_>,
    files: Files,
    mut table: TensorTable,
) -> Result<Checkpoint, Fault> {
    let architecture = from_gguf(metadata, &files, &table, token_count(metadata)?)?;
    table.forget(|name| name == DIVISORS);
    let plan = WeightPlan::new(&architecture, &table, gguf_name)?;
    let tokenizer = ModelTokenizer::read(metadata)?;
    let sampling = SamplingDefaults::from_gguf(metadata)?;
    let context = architecture.context_length;
    Ok(Checkpoint {
        name: name(metadata, path)?,
        architecture,
        weights: Arc::new(Weights::new(files, plan)),
        defaults: Defaults::new(context, tokenizer.special(), sampling),
        tokenizer: Arc::new(tokenizer),
    })
}

fn name(metadata: &Metadata<'_>, path: &Path) -> Result<String, Fault> {
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy();
    let stated = metadata.string(NAME)?.filter(|name| !name.is_empty());
    Ok(stated.map_or_else(|| stem().into_owned(), str::to_owned))
}
