//! `cargo xtask synth`: a model with random weights, of the shape of a real one.

mod blocks;
mod folder;
mod gguf;
mod options;
mod random;
mod shape;
mod tensors;
mod vocabulary;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) use options::{HELP, Options};
pub(crate) use shape::Shape;

/// What kind of files to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One `.gguf` file.
    Gguf,
    /// A Hugging Face folder.
    Folder,
}

/// How the matrices are stored. Norms and biases are as these formats' own tools store them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quant {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q4_0,
    Q4_1,
    /// Q4_K, with Q6_K where llama.cpp's `Q4_K_M` has it.
    Q4KM,
}

/// Writes the model, the same for the same options, and says what it wrote.
pub(crate) fn run(options: &Options) -> Result<()> {
    match options.format {
        Format::Gguf => gguf::write(options)?,
        Format::Folder => folder::write(options)?,
    }
    let bytes = size(&options.out)?;
    println!(
        "{}: {}, {:.2} GB; random weights, seed {}; a byte-level vocabulary of its own, {} tokens",
        options.out.display(),
        options.shape.name,
        bytes as f64 / 1e9,
        options.seed,
        options.shape.vocabulary,
    );
    Ok(())
}

/// A file that gets its name when it is whole.
struct Whole {
    file: BufWriter<File>,
    path: PathBuf,
    part: PathBuf,
}

impl Whole {
    fn create(path: &Path) -> Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| part.display().to_string())?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, file),
            path: path.to_owned(),
            part,
        })
    }

    fn finish(mut self) -> Result<()> {
        self.file.flush()?;
        std::fs::rename(&self.part, &self.path).with_context(|| self.path.display().to_string())
    }
}

fn size(path: &Path) -> Result<u64> {
    let found = path.metadata()?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    let mut bytes = 0;
    for entry in path.read_dir()? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

impl std::str::FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "gguf" => Ok(Self::Gguf),
            "folder" => Ok(Self::Folder),
            _ => bail!("there is no format `{name}`; known are gguf, folder"),
        }
    }
}

impl Quant {
    /// Every one, by its name on the command line.
    pub(crate) const ALL: [(&str, Self); 7] = [
        ("f32", Self::F32),
        ("f16", Self::F16),
        ("bf16", Self::Bf16),
        ("q8_0", Self::Q8_0),
        ("q4_0", Self::Q4_0),
        ("q4_1", Self::Q4_1),
        ("q4_k_m", Self::Q4KM),
    ];
}

impl std::str::FromStr for Quant {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        let known = Self::ALL.map(|(known, _)| known).join(", ");
        found
            .map(|(_, quant)| quant)
            .with_context(|| format!("there is no quantisation `{name}`; known are {known}"))
    }
}

#[cfg(test)]
mod tests;
