//! The bytes of a file, mapped or read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use memmap2::Mmap;

use crate::error::Fault;

/// How a file gets into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Mapped read-only: pages are read when they are touched, shared with other processes and
    /// dropped when memory is short.
    ///
    /// The file must stay as it is while it is open. If another program shortens it, touching a
    /// page beyond its new end kills this process with SIGBUS; if another program writes into
    /// it, the weights change. A program that replaces models should write a new file and
    /// rename it over the old one, which leaves the mapped file alone.
    #[default]
    Map,
    /// Read whole into memory: for files that may change, as on a network share.
    Read,
}

/// The bytes of one file.
#[derive(Debug)]
pub(crate) enum Source {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Source {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Fault> {
        // Asked before opening: opening a pipe would wait for its writer.
        refuse_other_than_file(&std::fs::metadata(path)?)?;
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        refuse_other_than_file(&metadata)?;
        match access {
            Access::Map if metadata.len() > 0 => Ok(Self::Mapped(map(&file)?)),
            _ => Ok(Self::Owned(read(&mut file, metadata.len())?)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

fn refuse_other_than_file(metadata: &Metadata) -> Result<(), Fault> {
    let found = match () {
        () if metadata.is_file() => return Ok(()),
        () if metadata.is_dir() => "a folder",
        () => "not a regular file",
    };
    Err(Fault::UnsupportedFormat {
        found: found.to_owned(),
    })
}

fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is read-only and private to this crate, which never writes to it. That
    // no other program shortens or rewrites the file meanwhile cannot be enforced; `Access::Map`
    // tells callers of this condition and offers `Access::Read` to those who cannot keep it.
    unsafe { Mmap::map(file) }
}

fn read(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes
        .try_reserve_exact(length)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
