//! Runs the kernels of [`cuda_kernels`] on the host, to test them where there is no GPU.
//!
//! The sources are compiled by the host's C++ compiler. The threads of a block are fibers: each
//! runs up to a barrier, then the next one, in an [`Order`] of choice. So a kernel that lacks a
//! barrier gives other results in another order, and one whose threads part before a barrier of
//! their warp does not end well. Memory has margins on both sides, in which a write is noticed.
//!
//! What it cannot show: that a GPU's compiler accepts the sources, what happens when threads read
//! and write the same place at once in other ways, and how fast anything is.

mod memory;
#[cfg(emulated)]
#[path = "run.rs"]
mod run;
#[cfg(not(emulated))]
#[path = "absent.rs"]
mod run;

use cuda_kernels::{Device, DevicePointer, Launch};

pub use memory::Memory;

/// The path of a library that stands in for NVIDIA's driver, with the functions of it that
/// `cuda-device` calls, and one GPU, which is this emulator. What is loaded as PTX is the name of a
/// source. `None` where the kernels were not compiled.
pub const DRIVER: Option<&str> = run::DRIVER;

/// In which order the threads of a block take their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the first to the last.
    Forward,
    /// From the last to the first.
    Backward,
    /// Shuffled, always the same way.
    Mixed,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Backward, Self::Mixed];
}

/// A device that is none.
#[derive(Debug, Clone, Copy)]
pub struct Emulator {
    /// How a block's threads take turns.
    pub order: Order,
}

/// Why the emulator could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// It was built without the kernels.
    #[error(
        "the kernels were not compiled for this machine: that needs Linux with glibc, and a C++ \
         compiler, such as g++, when the emulator is built"
    )]
    NotCompiled,
    /// There is no such kernel.
    #[error("there is no kernel {name}")]
    NoKernel {
        /// What was asked for.
        name: String,
    },
    /// The kernel takes a struct of another size.
    #[error("{name} takes arguments of another size than {bytes} bytes")]
    Arguments {
        /// The kernel.
        name: String,
        /// What it was given.
        bytes: usize,
    },
    /// Some threads of a warp wait for all of it, and others never come.
    #[error("{name}: threads of a warp wait for others that do not come")]
    Diverged {
        /// The kernel.
        name: String,
    },
    /// The system refuses memory for the threads.
    #[error("the system refuses memory for {threads} threads")]
    NoMemory {
        /// Threads of the block.
        threads: u32,
    },
    /// A kernel wrote beside its memory.
    #[error("a kernel has written beside its memory of {bytes} bytes")]
    OutOfBounds {
        /// How much memory it was.
        bytes: usize,
    },
}

impl Emulator {
    /// Runs a kernel by its name, with any struct of arguments.
    ///
    /// # Safety
    /// As [`Device::run`].
    ///
    /// # Errors
    /// If there is no such kernel, or its threads wait for each other forever.
    pub unsafe fn run_named(
        &self,
        name: &str,
        grid: [u32; 3],
        threads: u32,
        arguments: &[u8],
    ) -> Result<(), EmulatorError> {
        // SAFETY: the caller answers for the arguments.
        unsafe { run::run(self.order, name, grid, threads, arguments) }
    }
}

impl Device for Emulator {
    type Memory = Memory;
    type Error = EmulatorError;

    fn upload(&self, bytes: &[u8]) -> Result<Memory, EmulatorError> {
        Ok(Memory::holding(bytes))
    }

    fn pointer(&self, memory: &Memory) -> DevicePointer {
        memory.pointer()
    }

    fn download(&self, memory: &Memory) -> Result<Vec<u8>, EmulatorError> {
        memory.contents()
    }

    unsafe fn run(&self, launch: &Launch) -> Result<(), EmulatorError> {
        let name = launch.kernel.to_string();
        // SAFETY: the caller answers for the arguments.
        unsafe { self.run_named(&name, launch.grid, launch.threads, launch.arguments.bytes()) }
    }
}
