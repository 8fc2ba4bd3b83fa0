//! Where the kernels were not compiled.

use crate::{EmulatorError, Order};

/// There is none.
pub(crate) const DRIVER: Option<&str> = None;

/// Says so.
///
/// # Safety
/// There is nothing to be unsafe with.
pub(crate) unsafe fn run(
    _: Order,
    _: &str,
    _: [u32; 3],
    _: u32,
    _: &[u8],
) -> Result<(), EmulatorError> {
    Err(EmulatorError::NotCompiled)
}
