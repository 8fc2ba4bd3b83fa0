//! The functions of the CUDA driver API that are called (`cuda.h` of CUDA 12 and 13).

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use crate::CudaError;
use crate::functions::functions;

pub(crate) type Context = *mut c_void;
pub(crate) type Module = *mut c_void;
pub(crate) type Function = *mut c_void;
type Stream = *mut c_void;

functions! {
    /// What is called of the driver.
    struct Driver {
        init: "cuInit", fn(c_uint);
        device: "cuDeviceGet", fn(*mut c_int, c_int);
        attribute: "cuDeviceGetAttribute", fn(*mut c_int, c_int, c_int);
        retain: "cuDevicePrimaryCtxRetain", fn(*mut Context, c_int);
        release: "cuDevicePrimaryCtxRelease_v2", fn(c_int);
        set_current: "cuCtxSetCurrent", fn(Context);
        synchronize: "cuCtxSynchronize", fn();
        load: "cuModuleLoadData", fn(*mut Module, *const c_void);
        unload: "cuModuleUnload", fn(Module);
        function: "cuModuleGetFunction", fn(*mut Function, Module, *const c_char);
        allocate: "cuMemAlloc_v2", fn(*mut u64, usize);
        free: "cuMemFree_v2", fn(u64);
        to_device: "cuMemcpyHtoD_v2", fn(u64, *const c_void, usize);
        to_host: "cuMemcpyDtoH_v2", fn(*mut c_void, u64, usize);
        launch: "cuLaunchKernel",
            fn(Function, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Stream,
               *mut *mut c_void, *mut *mut c_void);
        error_name: "cuGetErrorName", fn(c_int, *mut *const c_char);
    }
}

impl Driver {
    /// An error where a call gave anything but success.
    pub(crate) fn succeeded(&self, call: &'static str, code: c_int) -> Result<(), CudaError> {
        match code {
            0 => Ok(()),
            code => Err(CudaError::Driver {
                call,
                code,
                name: self.name(code),
            }),
        }
    }

    fn name(&self, code: c_int) -> String {
        let mut name = ptr::null();
        // SAFETY: it writes the address of a text that stays, or null.
        let known = unsafe { (self.error_name)(code, &raw mut name) } == 0 && !name.is_null();
        match known {
            // SAFETY: it is a text that ends with a zero.
            true => unsafe { CStr::from_ptr(name) }
                .to_string_lossy()
                .into_owned(),
            false => "unknown".to_owned(),
        }
    }
}
