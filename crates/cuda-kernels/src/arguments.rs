//! The arguments of a kernel, as the device sees them.

/// An address in a device's memory, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DevicePointer(pub u64);

impl DevicePointer {
    /// For what a kernel is not given.
    pub const NULL: Self = Self(0);

    /// The address so many bytes further on.
    #[must_use]
    pub fn offset(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// The longest struct that a kernel takes.
const MOST_BYTES: usize = 128;

/// A C struct of addresses, followed by numbers of four bytes, aligned as C aligns it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(8))]
pub struct Arguments {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl Arguments {
    /// From a kernel's addresses and numbers; both fit, by the definitions of the kernels.
    pub(crate) fn new<const P: usize>(pointers: [DevicePointer; P]) -> Self {
        let empty = Self {
            bytes: [0; MOST_BYTES],
            length: 0,
        };
        let push = |all: Self, pointer: DevicePointer| all.push(&pointer.0.to_ne_bytes());
        pointers.into_iter().fold(empty, push)
    }

    pub(crate) fn integer(self, number: u32) -> Self {
        self.push(&number.to_ne_bytes())
    }

    pub(crate) fn float(self, number: f32) -> Self {
        self.push(&number.to_ne_bytes())
    }

    fn push(mut self, bytes: &[u8]) -> Self {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
        self
    }

    /// The struct, to its padded end.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length.next_multiple_of(8)]
    }
}
