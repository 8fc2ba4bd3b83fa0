//! Calls the kernels.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};

use crate::{EmulatorError, Order};

/// The library that `build.rs` linked.
pub(crate) const DRIVER: Option<&str> = Some(env!("EMULATED_DRIVER"));

unsafe extern "C" {
    /// See `host/kernels.cpp`.
    fn stream_engine_emulate(
        name: *const c_char,
        grid: *const c_uint,
        threads: c_uint,
        order: c_int,
        arguments: *mut c_void,
        size: usize,
    ) -> c_int;
}

/// Runs a kernel.
///
/// # Safety
/// As `Device::run`.
pub(crate) unsafe fn run(
    order: Order,
    name: &str,
    grid: [u32; 3],
    threads: u32,
    arguments: &[u8],
) -> Result<(), EmulatorError> {
    let named = || name.to_owned();
    let Ok(c_name) = CString::new(name) else {
        return Err(EmulatorError::NoKernel { name: named() });
    };
    // Aligned as the struct is.
    let mut words = vec![0_u64; arguments.len().div_ceil(8)];
    for (word, bytes) in words.iter_mut().zip(arguments.chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    // SAFETY: the name ends with a zero, the grid has three numbers, the arguments are as long as
    // it is told; what they point to the caller answers for.
    let ending = unsafe {
        stream_engine_emulate(
            c_name.as_ptr(),
            grid.as_ptr(),
            threads,
            order as c_int,
            words.as_mut_ptr().cast(),
            arguments.len(),
        )
    };
    match ending {
        0 => Ok(()),
        -1 => Err(EmulatorError::NoKernel { name: named() }),
        -2 => Err(EmulatorError::Arguments {
            name: named(),
            bytes: arguments.len(),
        }),
        1 => Err(EmulatorError::Diverged { name: named() }),
        _ => Err(EmulatorError::NoMemory { threads }),
    }
}
