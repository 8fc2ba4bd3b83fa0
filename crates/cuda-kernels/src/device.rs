//! What runs kernels.

use std::error::Error;

use crate::{DevicePointer, Launch};

/// A device with memory of its own: a GPU, or what stands in for one.
pub trait Device {
    /// Memory of the device, given back when it is dropped.
    type Memory;
    /// Why something could not be done.
    type Error: Error;

    /// Memory with these contents.
    ///
    /// # Errors
    /// If there is not enough.
    fn upload(&self, bytes: &[u8]) -> Result<Self::Memory, Self::Error>;

    /// Where the memory lies.
    fn pointer(&self, memory: &Self::Memory) -> DevicePointer;

    /// What the memory holds, after all launches so far.
    ///
    /// # Errors
    /// If one of these failed.
    fn download(&self, memory: &Self::Memory) -> Result<Vec<u8>, Self::Error>;

    /// Starts a kernel.
    ///
    /// # Safety
    /// The addresses among its arguments are those of memory of this device, which lives until
    /// the next [`download`](Self::download), and holds what the kernel reads, in the shapes that
    /// it is told.
    ///
    /// # Errors
    /// If it cannot be started.
    unsafe fn run(&self, launch: &Launch) -> Result<(), Self::Error>;
}
