//! Reading forward through bytes without ever leaving them.

use crate::error::Fault;

/// A place in a file.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `count` bytes; `what` is their name in an error.
    pub(super) fn take(&mut self, count: u64, what: &str) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.position..];
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| rest.get(..count))
            .ok_or_else(|| self.too_long(what, count, 1))?;
        self.position += taken.len();
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Fault> {
        match self.bytes[self.position..].first_chunk() {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(self.too_long(what, N as u64, 1)),
        }
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Fault> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, Fault> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A string: its length, then its bytes.
    pub(super) fn string(&mut self, what: &str) -> Result<&'a [u8], Fault> {
        let length = self.u64(what)?;
        self.take(length, what)
    }

    /// A count of things that take at least `least` bytes each, checked against what remains.
    pub(super) fn count(&mut self, what: &str, least: u64) -> Result<usize, Fault> {
        let count = self.u64(what)?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.remaining() as u64 => Ok(count as usize),
            _ => Err(self.too_long(what, count, least)),
        }
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> Fault {
        Fault::Malformed {
            offset: self.position as u64,
            problem: problem.into(),
        }
    }

    fn too_long(&self, what: &str, count: u64, least: u64) -> Fault {
        let unit = match least {
            1 => String::new(),
            least => format!(", each of at least {least} bytes"),
        };
        let remaining = self.remaining();
        self.malformed(format!(
            "{what} of {count}{unit}, but {remaining} bytes remain"
        ))
    }
}
