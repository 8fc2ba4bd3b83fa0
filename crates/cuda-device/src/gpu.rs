//! A GPU with the kernels loaded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fmt;
use std::ptr;
use std::rc::Rc;

use cuda_kernels::{Device, DevicePointer, Kernel, Launch, SOURCES, Source};

use crate::driver::{Context, Driver, Function, Module};
use crate::{Capability, Compiler, CudaError};

#[cfg(not(windows))]
const LIBRARY: &str = "libcuda.so.1";
#[cfg(windows)]
const LIBRARY: &str = "nvcuda.dll";

/// A GPU that has compiled and loaded the kernels. It belongs to the thread that opened it, and
/// runs one launch after the other.
pub struct Gpu {
    name: String,
    capability: Capability,
    modules: Vec<Module>,
    functions: RefCell<HashMap<Kernel, Function>>,
    context: Rc<Current>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Gpu");
        all.field("name", &self.name)
            .field("capability", &self.capability)
            .finish_non_exhaustive()
    }
}

/// A GPU's primary context, current in this thread.
struct Current {
    driver: Driver,
    device: c_int,
}

impl Drop for Current {
    fn drop(&mut self) {
        // SAFETY: the context was retained, and is released once; an error has no consequence.
        unsafe { (self.driver.release)(self.device) };
    }
}

impl Gpu {
    /// Opens the GPU with this number, as CUDA counts, and compiles every kernel for it.
    ///
    /// # Errors
    /// If there is none, it is too old, or a kernel does not compile.
    pub fn open(ordinal: usize, compiler: &Compiler) -> Result<Self, CudaError> {
        let known = nvidia_driver::gpu(ordinal)?;
        let compile = |source: &Source, capability| compiler.ptx(source, capability);
        Self::open_with(LIBRARY, known, compile)
    }

    /// As [`open`](Self::open), for a GPU that is known, with any library that has the driver's
    /// functions, and anything that makes PTX of sources.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        driver: &str,
        known: nvidia_driver::Gpu,
        compile: impl Fn(&Source, Capability) -> Result<CString, CudaError>,
    ) -> Result<Self, CudaError> {
        let driver = Driver::open(driver)?;
        // SAFETY: it takes flags, of which there are none.
        driver.succeeded("cuInit", unsafe { (driver.init)(0) })?;
        let number = c_int::try_from(known.ordinal).unwrap_or(c_int::MAX);
        let mut device = 0;
        // SAFETY: it writes one number.
        let code = unsafe { (driver.device)(&raw mut device, number) };
        driver.succeeded("cuDeviceGet", code)?;
        let capability = capability(&driver, device)?;
        let context = Rc::new(Current::new(driver, device)?);
        let mut gpu = Self {
            name: known.name,
            capability,
            modules: Vec::new(),
            functions: HashMap::new().into(),
            context,
        };
        for source in &SOURCES {
            gpu.load(&compile(source, capability)?)?;
        }
        Ok(gpu)
    }

    /// The name of the card.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The card's generation.
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// Memory of so many bytes, with anything in it.
    ///
    /// # Errors
    /// If there is not enough.
    pub fn allocate(&self, bytes: usize) -> Result<GpuMemory, CudaError> {
        let driver = &self.context.driver;
        let mut address = 0;
        // Nothing cannot be allocated.
        // SAFETY: it writes one address.
        let code = unsafe { (driver.allocate)(&raw mut address, bytes.max(1)) };
        driver.succeeded("cuMemAlloc", code)?;
        Ok(GpuMemory {
            address,
            bytes,
            context: self.context.clone(),
        })
    }

    /// Waits for all launches so far.
    ///
    /// # Errors
    /// If one of them failed.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        let driver = &self.context.driver;
        // SAFETY: it takes nothing.
        driver.succeeded("cuCtxSynchronize", unsafe { (driver.synchronize)() })
    }

    fn load(&mut self, ptx: &CStr) -> Result<(), CudaError> {
        let driver = &self.context.driver;
        let mut module = ptr::null_mut();
        // SAFETY: PTX ends with a zero.
        let code = unsafe { (driver.load)(&raw mut module, ptx.as_ptr().cast()) };
        driver.succeeded("cuModuleLoadData", code)?;
        self.modules.push(module);
        Ok(())
    }

    /// The kernel, which one of the modules has.
    fn function(&self, kernel: Kernel) -> Result<Function, CudaError> {
        if let Some(&function) = self.functions.borrow().get(&kernel) {
            return Ok(function);
        }
        let driver = &self.context.driver;
        let name = CString::new(kernel.to_string()).unwrap_or_default();
        let mut function = ptr::null_mut();
        let mut code = 0;
        for &module in &self.modules {
            // SAFETY: the module is loaded, and the name ends with a zero.
            code = unsafe { (driver.function)(&raw mut function, module, name.as_ptr()) };
            if code == 0 {
                break;
            }
        }
        driver.succeeded("cuModuleGetFunction", code)?;
        self.functions.borrow_mut().insert(kernel, function);
        Ok(function)
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        for &module in &self.modules {
            // SAFETY: it was loaded, and nothing of it is called any more.
            unsafe { (self.context.driver.unload)(module) };
        }
    }
}

impl Current {
    fn new(driver: Driver, device: c_int) -> Result<Self, CudaError> {
        let mut context: Context = ptr::null_mut();
        // SAFETY: it writes one address.
        let code = unsafe { (driver.retain)(&raw mut context, device) };
        driver.succeeded("cuDevicePrimaryCtxRetain", code)?;
        let current = Self { driver, device };
        // SAFETY: the context was given just now.
        let code = unsafe { (current.driver.set_current)(context) };
        current.driver.succeeded("cuCtxSetCurrent", code)?;
        Ok(current)
    }
}

fn capability(driver: &Driver, device: c_int) -> Result<Capability, CudaError> {
    /// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `…_MINOR`.
    const ATTRIBUTES: [c_int; 2] = [75, 76];
    let mut numbers = [0; 2];
    for (number, attribute) in numbers.iter_mut().zip(ATTRIBUTES) {
        // SAFETY: it writes one number.
        let code = unsafe { (driver.attribute)(number, attribute, device) };
        driver.succeeded("cuDeviceGetAttribute", code)?;
    }
    let [major, minor] = numbers.map(c_int::unsigned_abs);
    let found = Capability { major, minor };
    match found < Capability::OLDEST {
        true => Err(CudaError::TooOld {
            found: found.to_string(),
        }),
        false => Ok(found),
    }
}

/// Memory of a GPU.
pub struct GpuMemory {
    address: u64,
    bytes: usize,
    context: Rc<Current>,
}

impl fmt::Debug for GpuMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("GpuMemory");
        all.field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Drop for GpuMemory {
    fn drop(&mut self) {
        // SAFETY: it was allocated, and is given back once; the driver waits for what uses it.
        unsafe { (self.context.driver.free)(self.address) };
    }
}

impl Device for Gpu {
    type Memory = GpuMemory;
    type Error = CudaError;

    fn upload(&self, bytes: &[u8]) -> Result<GpuMemory, CudaError> {
        let memory = self.allocate(bytes.len())?;
        if !bytes.is_empty() {
            let driver = &self.context.driver;
            // SAFETY: there are as many bytes on both sides.
            let code =
                unsafe { (driver.to_device)(memory.address, bytes.as_ptr().cast(), bytes.len()) };
            driver.succeeded("cuMemcpyHtoD", code)?;
        }
        Ok(memory)
    }

    fn pointer(&self, memory: &GpuMemory) -> DevicePointer {
        DevicePointer(memory.address)
    }

    fn download(&self, memory: &GpuMemory) -> Result<Vec<u8>, CudaError> {
        self.synchronize()?;
        let mut bytes = vec![0; memory.bytes];
        if !bytes.is_empty() {
            let driver = &self.context.driver;
            let to = bytes.as_mut_ptr().cast();
            // SAFETY: there are as many bytes on both sides.
            let code = unsafe { (driver.to_host)(to, memory.address, memory.bytes) };
            driver.succeeded("cuMemcpyDtoH", code)?;
        }
        Ok(bytes)
    }

    unsafe fn run(&self, launch: &Launch) -> Result<(), CudaError> {
        let function = self.function(launch.kernel)?;
        let driver = &self.context.driver;
        let [x, y, z] = launch.grid;
        let mut argument: *mut c_void = launch.arguments.bytes().as_ptr().cast_mut().cast();
        // SAFETY: the kernel takes one struct, which the driver copies before it returns; what
        // its addresses mean the caller answers for. The stream is the default one.
        let code = unsafe {
            (driver.launch)(
                function,
                x,
                y,
                z,
                launch.threads,
                1,
                1,
                0,
                ptr::null_mut(),
                &raw mut argument,
                ptr::null_mut(),
            )
        };
        driver.succeeded("cuLaunchKernel", code)
    }
}
