//! The four functions of the CUDA driver API that this crate calls (`cuda.h`).

use std::error::Error as _;
use std::ffi::{CStr, c_char, c_int, c_uint};

use libloading::Library;

use crate::{Gpu, NoGpu};

/// The name under which a driver installs its library.
#[cfg(not(windows))]
pub(crate) const LIBRARY: &str = "libcuda.so.1";
/// The name under which a driver installs its library.
#[cfg(windows)]
pub(crate) const LIBRARY: &str = "nvcuda.dll";

/// Longer names are cut by the driver.
const LONGEST_NAME: usize = 256;

type Init = unsafe extern "C" fn(c_uint) -> c_int;
type Count = unsafe extern "C" fn(*mut c_int) -> c_int;
type Get = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;

/// The library of a driver that has been started.
pub(crate) struct Driver {
    count: Count,
    get: Get,
    name: Name,
    /// Behind the functions that lie in it.
    _library: Library,
}

impl Driver {
    pub(crate) fn open(path: &str) -> Result<Self, NoGpu> {
        let missing = |error: libloading::Error| NoGpu::NoDriver {
            problem: error.source().unwrap_or(&error).to_string(),
        };
        // SAFETY: loading the driver's library runs nothing but the driver's own initialisers.
        let library = unsafe { Library::new(path) }.map_err(missing)?;
        // SAFETY: the types are those of `cuda.h`, and the functions are called while the library
        // is loaded.
        let (init, driver) = unsafe {
            let init: Init = *library.get("cuInit").map_err(missing)?;
            let driver = Self {
                count: *library.get("cuDeviceGetCount").map_err(missing)?,
                get: *library.get("cuDeviceGet").map_err(missing)?,
                name: *library.get("cuDeviceGetName").map_err(missing)?,
                _library: library,
            };
            (init, driver)
        };
        // SAFETY: it takes flags, of which there are none.
        succeeded("cuInit", unsafe { init(0) })?;
        Ok(driver)
    }

    pub(crate) fn count(&self) -> Result<usize, NoGpu> {
        let mut count = 0;
        // SAFETY: it writes one number.
        succeeded("cuDeviceGetCount", unsafe { (self.count)(&raw mut count) })?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    pub(crate) fn gpu(&self, ordinal: usize) -> Result<Gpu, NoGpu> {
        let (mut device, mut name) = (0, [0; LONGEST_NAME]);
        let number = c_int::try_from(ordinal).unwrap_or(c_int::MAX);
        // SAFETY: it writes one number.
        let code = unsafe { (self.get)(&raw mut device, number) };
        succeeded("cuDeviceGet", code)?;
        // SAFETY: it writes at most as many bytes as it is told, the last of them zero.
        let code = unsafe { (self.name)(name.as_mut_ptr(), LONGEST_NAME as c_int, device) };
        succeeded("cuDeviceGetName", code)?;
        name[LONGEST_NAME - 1] = 0;
        // SAFETY: the last byte is zero.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        Ok(Gpu {
            ordinal,
            name: name.to_string_lossy().into_owned(),
        })
    }
}

fn succeeded(call: &'static str, code: c_int) -> Result<(), NoGpu> {
    match code {
        0 => Ok(()),
        code => Err(NoGpu::Driver {
            call,
            code,
            meaning: meaning(code),
        }),
    }
}

/// The names of `CUresult` that a start can give.
fn meaning(code: c_int) -> &'static str {
    match code {
        3 => "not initialized",
        34 => "a stub library, not a driver",
        100 => "no device",
        101 => "invalid device",
        802 => "system not ready",
        803 => "driver and library do not go together",
        804 => "the card does not support this driver in compatibility mode",
        999 => "unknown",
        _ => "see CUresult in cuda.h",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_library_and_another_library_are_told() {
        let error = Driver::open("libno-such-driver.so")
            .err()
            .unwrap()
            .to_string();
        assert!(error.starts_with("there is no NVIDIA driver: "), "{error}");
        assert!(error.contains("libno-such-driver.so"), "{error}");
        #[cfg(target_os = "linux")]
        assert!(matches!(
            Driver::open("libc.so.6"),
            Err(NoGpu::NoDriver { .. })
        ));
    }

    #[test]
    fn what_the_driver_answers_is_told() {
        succeeded("cuInit", 0).unwrap();
        let error = succeeded("cuInit", 100).unwrap_err().to_string();
        assert_eq!(
            error,
            "the NVIDIA driver finds no GPU: cuInit says 100 (no device)"
        );
    }

    /// Holds on a machine with GPUs and on one without.
    #[test]
    fn the_gpus_are_counted_from_nothing() {
        let many = crate::gpu(usize::MAX).unwrap_err();
        match crate::gpus() {
            Ok(gpus) => {
                let count = gpus.len();
                let ordinal = usize::MAX;
                assert_eq!(many, NoGpu::NotThere { ordinal, count });
                assert!(gpus.iter().all(|gpu| !gpu.name.is_empty()));
                assert!((0..count).eq(gpus.iter().map(|gpu| gpu.ordinal)));
            }
            Err(error) => assert_eq!(many, error),
        }
    }
}
