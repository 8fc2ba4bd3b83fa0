//! What the NVIDIA driver says of the GPUs of this machine.
//!
//! The driver's library is opened when it is asked for, so that a program with this crate starts
//! on machines without one. Nothing of a CUDA toolkit is needed, neither to build nor to run, and no
//! memory of a GPU is touched.
//!
//! ```
//! match nvidia_driver::gpus() {
//!     Ok(gpus) => gpus.iter().for_each(|gpu| println!("cuda:{} is {}", gpu.ordinal, gpu.name)),
//!     Err(error) => println!("no GPU: {error}"),
//! }
//! ```

mod driver;

use driver::Driver;

/// A GPU that the driver knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its number, as CUDA counts: the environment variable `CUDA_VISIBLE_DEVICES` is obeyed.
    pub ordinal: usize,
    /// The name of the card.
    pub name: String,
}

/// Why there is no such GPU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoGpu {
    /// The driver's library is not there, or is none.
    #[error("there is no NVIDIA driver: {problem}")]
    NoDriver {
        /// What the loader said.
        problem: String,
    },
    /// The driver is there, and fails.
    #[error("the NVIDIA driver finds no GPU: {call} says {code} ({meaning})")]
    Driver {
        /// The function that failed.
        call: &'static str,
        /// What it gave, a `CUresult`.
        code: i32,
        /// That number's name.
        meaning: &'static str,
    },
    /// There are GPUs, but not this one.
    #[error("there is no GPU {ordinal}: the NVIDIA driver has {count}, counted from 0")]
    NotThere {
        /// The one asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
}

/// Every GPU, in CUDA's order.
///
/// # Errors
/// If there is no driver, or it fails, which it also does where there is no GPU.
pub fn gpus() -> Result<Vec<Gpu>, NoGpu> {
    let driver = Driver::open(driver::LIBRARY)?;
    (0..driver.count()?)
        .map(|ordinal| driver.gpu(ordinal))
        .collect()
}

/// The GPU with this number.
///
/// # Errors
/// As [`gpus`], and if there are fewer.
pub fn gpu(ordinal: usize) -> Result<Gpu, NoGpu> {
    let mut gpus = gpus()?;
    let count = gpus.len();
    match ordinal < count {
        true => Ok(gpus.swap_remove(ordinal)),
        false => Err(NoGpu::NotThere { ordinal, count }),
    }
}
