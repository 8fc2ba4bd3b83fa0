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

    /// Reads a small file that may be missing; `None` if it is.
    pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Fault> {
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        refuse_other_than_file(&metadata)?;
        let mut bytes = Vec::new();
        // One byte more shows that a file grew meanwhile.
        File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        let length = metadata.len().max(bytes.len() as u64);
        match length > most {
            true => Err(Fault::TooLong { length, most }),
            false => Ok(Some(bytes)),
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
