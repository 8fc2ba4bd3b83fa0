//! What tch lacks, through a few functions of C++ (`shim.cpp`).

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;

use tch::{TchError, Tensor};

/// libtorch's `at::Tensor`.
pub(super) type Raw = c_void;

unsafe extern "C" {
    fn se_free(text: *mut c_char);
    fn se_inference_mode_begin() -> *mut c_void;
    fn se_inference_mode_end(guard: *mut c_void);
    fn se_pack(weight: *const Raw, packed: *mut *mut Raw) -> *mut c_char;
    fn se_multiply(rows: *const Raw, packed: *const Raw, out: *mut *mut Raw) -> *mut c_char;
    fn se_config() -> *mut c_char;
    fn se_capability() -> *mut c_char;
    fn se_has_amx() -> bool;
}

/// While it lives, this thread's operators keep no record for gradients.
#[derive(Debug)]
pub(super) struct InferenceMode {
    guard: *mut c_void,
    /// The mode is the thread's: it ends where it began.
    thread: PhantomData<*mut ()>,
}

impl InferenceMode {
    pub(super) fn begin() -> Self {
        Self {
            // SAFETY: it takes nothing and gives a guard of its own.
            guard: unsafe { se_inference_mode_begin() },
            thread: PhantomData,
        }
    }
}

impl Drop for InferenceMode {
    fn drop(&mut self) {
        // SAFETY: the guard was made by `begin`, on this thread, and is given up once.
        unsafe { se_inference_mode_end(self.guard) }
    }
}

/// A matrix of `bf16` in the order in which oneDNN multiplies it fastest.
#[derive(Debug)]
pub(super) struct Packed(Tensor);

impl Packed {
    /// From `[outputs, inputs]`.
    pub(super) fn new(weight: &Tensor) -> Result<Self, TchError> {
        let mut packed = ptr::null_mut();
        // SAFETY: the tensor lives through the call, which writes a tensor of its own or gives
        // an error.
        let error = unsafe { se_pack(weight.as_ptr().cast(), &raw mut packed) };
        // SAFETY: as `made` asks.
        unsafe { made(error, packed) }.map(Self)
    }

    /// The products of some rows, `[n, inputs]`, with every output: `[n, outputs]`.
    pub(super) fn multiply(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let mut out = ptr::null_mut();
        // SAFETY: both tensors live through the call, which writes a tensor of its own or gives
        // an error.
        let error =
            unsafe { se_multiply(rows.as_ptr().cast(), self.0.as_ptr().cast(), &raw mut out) };
        // SAFETY: as `made` asks.
        unsafe { made(error, out) }
    }
}

/// What a call gave.
///
/// # Safety
/// `error` is null or a message of the shim's; if it is null, `tensor` is one that nobody owns.
pub(super) unsafe fn made(error: *mut c_char, tensor: *mut Raw) -> Result<Tensor, TchError> {
    // SAFETY: the caller says so.
    unsafe {
        done(error)?;
        Ok(Tensor::from_ptr(tensor.cast()))
    }
}

/// Whether a call succeeded.
///
/// # Safety
/// `error` is null or a message of the shim's.
pub(super) unsafe fn done(error: *mut c_char) -> Result<(), TchError> {
    match error.is_null() {
        true => Ok(()),
        // SAFETY: the caller says so.
        false => Err(TchError::Torch(unsafe { text(error) })),
    }
}

/// Takes a message of the shim's.
///
/// # Safety
/// It is one, and nobody else has it.
unsafe fn text(message: *mut c_char) -> String {
    // SAFETY: it ends with a zero, as `strdup` made it.
    let text = unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: nobody else has it.
    unsafe { se_free(message) };
    text
}

/// The settings with which the library that was loaded was built: `NAME=value, NAME=value, `.
pub(super) fn config() -> String {
    // SAFETY: it gives a message that nobody else has.
    unsafe { text(se_config()) }
}

/// The version of the library that was loaded, as in `2.11.0`.
pub(super) fn version() -> String {
    let config = config();
    let version = config.split("TORCH_VERSION=").nth(1);
    let version = version.and_then(|rest| rest.split([',', '\n']).next());
    version.unwrap_or("of an unknown version").trim().to_owned()
}

/// The instructions that its kernels use on this CPU.
pub(super) fn instructions() -> String {
    // SAFETY: it gives a message that nobody else has.
    let name = unsafe { text(se_capability()) }.to_lowercase();
    // SAFETY: it asks the CPU.
    match unsafe { se_has_amx() } {
        true => format!("{name} with amx"),
        false => name,
    }
}
