//! NVRTC, NVIDIA's compiler as a library (`nvrtc.h`).

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::{fmt, fs, ptr};

use cuda_kernels::{HEADERS, Source};
use libloading::Library;

use crate::CudaError;
use crate::functions::{fault, functions};

type Program = *mut c_void;
type Strings = *const *const c_char;

functions! {
    /// What is called of NVRTC.
    struct Nvrtc {
        create: "nvrtcCreateProgram",
            fn(*mut Program, *const c_char, *const c_char, c_int, Strings, Strings);
        destroy: "nvrtcDestroyProgram", fn(*mut Program);
        compile: "nvrtcCompileProgram", fn(Program, c_int, Strings);
        log_size: "nvrtcGetProgramLogSize", fn(Program, *mut usize);
        log: "nvrtcGetProgramLog", fn(Program, *mut c_char);
        ptx_size: "nvrtcGetPTXSize", fn(Program, *mut usize);
        ptx: "nvrtcGetPTX", fn(Program, *mut c_char);
        version: "nvrtcVersion", fn(*mut c_int, *mut c_int);
    }
}

/// A generation of GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability {
    /// 8 for Ampere and Ada, 9 for Hopper.
    pub major: u32,
    /// The smaller step.
    pub minor: u32,
}

impl Capability {
    /// The oldest that the kernels are made for: Ampere.
    pub const OLDEST: Self = Self { major: 8, minor: 0 };
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Makes PTX of CUDA C++. It needs no GPU.
pub struct Compiler {
    nvrtc: Nvrtc,
    /// What NVRTC opens by its bare name when it compiles.
    _builtins: Option<Library>,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

impl Compiler {
    /// Opens NVRTC: a path, or a name that the system's loader finds. Where it is a path, the
    /// library of its built-in functions is the one that lies beside it.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(path: &str) -> Result<Self, CudaError> {
        let nvrtc = Nvrtc::open(path)?;
        let _builtins = builtins_beside(Path::new(path)).map(open).transpose()?;
        Ok(Self { nvrtc, _builtins })
    }

    /// The version of CUDA that it belongs to.
    ///
    /// # Errors
    /// If it does not tell.
    pub fn version(&self) -> Result<(u32, u32), CudaError> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: it writes two numbers.
        let code = unsafe { (self.nvrtc.version)(&raw mut major, &raw mut minor) };
        succeeded("nvrtcVersion", code)?;
        Ok((major.unsigned_abs(), minor.unsigned_abs()))
    }

    /// Compiles a source, with [`HEADERS`] at hand, into PTX for GPUs of at least this
    /// capability.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn ptx(&self, source: &Source, capability: Capability) -> Result<CString, CudaError> {
        let program = self.program(source)?;
        let architecture = format!(
            "--gpu-architecture=compute_{}{}",
            capability.major, capability.minor
        );
        let options = [architecture.as_str(), "--std=c++17"];
        let options = c_strings(options.iter().copied(), source.name)?;
        let options: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: so many strings, each ending with a zero.
        let code = unsafe {
            (self.nvrtc.compile)(program.program, options.len() as c_int, options.as_ptr())
        };
        if code != 0 {
            return Err(CudaError::Source {
                source_name: source.name.to_owned(),
                log: program.log()?,
            });
        }
        program.ptx()
    }

    fn program(&self, source: &Source) -> Result<Compiled<'_>, CudaError> {
        let own = c_strings([source.text, source.name], source.name)?;
        let texts = c_strings(HEADERS.iter().map(|header| header.text), source.name)?;
        let names = c_strings(HEADERS.iter().map(|header| header.name), source.name)?;
        let pointers = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).collect::<Vec<_>>();
        let (texts_at, names_at) = (pointers(&texts), pointers(&names));
        let mut program = ptr::null_mut();
        // SAFETY: texts and names are so many strings, each ending with a zero.
        let code = unsafe {
            (self.nvrtc.create)(
                &raw mut program,
                own[0].as_ptr(),
                own[1].as_ptr(),
                HEADERS.len() as c_int,
                texts_at.as_ptr(),
                names_at.as_ptr(),
            )
        };
        succeeded("nvrtcCreateProgram", code)?;
        Ok(Compiled {
            nvrtc: &self.nvrtc,
            program,
        })
    }
}

/// The library that NVRTC opens by its bare name, which the loader does not find in a folder of
/// one's own unless it has been opened before.
fn builtins_beside(nvrtc: &Path) -> Option<PathBuf> {
    let names = ["libnvrtc-builtins.so.", "nvrtc-builtins64_"];
    let mut files = fs::read_dir(nvrtc.parent()?).ok()?.flatten();
    let is_it = |name: &OsStr| {
        name.to_str()
            .is_some_and(|name| names.iter().any(|n| name.starts_with(n)))
    };
    files
        .find(|file| is_it(&file.file_name()))
        .map(|file| file.path())
}

fn open(path: PathBuf) -> Result<Library, CudaError> {
    // SAFETY: loading it runs nothing but its own initialisers.
    let library = unsafe { Library::new(&path) };
    library.map_err(|error| fault(&path.to_string_lossy(), &error))
}

/// A program that NVRTC knows.
struct Compiled<'a> {
    nvrtc: &'a Nvrtc,
    program: Program,
}

type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Get = unsafe extern "C" fn(Program, *mut c_char) -> c_int;

impl Compiled<'_> {
    fn log(&self) -> Result<String, CudaError> {
        let log = self.text("nvrtcGetProgramLog", self.nvrtc.log_size, self.nvrtc.log)?;
        Ok(log.to_string_lossy().trim_end().to_owned())
    }

    fn ptx(&self) -> Result<CString, CudaError> {
        self.text("nvrtcGetPTX", self.nvrtc.ptx_size, self.nvrtc.ptx)
    }

    fn text(&self, call: &'static str, size: Size, get: Get) -> Result<CString, CudaError> {
        let mut length = 0;
        // SAFETY: it writes one number.
        succeeded(call, unsafe { size(self.program, &raw mut length) })?;
        let mut bytes = vec![0_u8; length.max(1)];
        // SAFETY: it writes as many bytes as it has said, a zero the last.
        succeeded(call, unsafe {
            get(self.program, bytes.as_mut_ptr().cast())
        })?;
        let text = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        Ok(text.to_owned())
    }
}

impl Drop for Compiled<'_> {
    fn drop(&mut self) {
        // SAFETY: it was created, and is given back once.
        unsafe { (self.nvrtc.destroy)(&raw mut self.program) };
    }
}

fn succeeded(call: &'static str, code: c_int) -> Result<(), CudaError> {
    match code {
        0 => Ok(()),
        code => Err(CudaError::Compiler { call, code }),
    }
}

fn c_strings<'a>(
    strings: impl IntoIterator<Item = &'a str>,
    source: &str,
) -> Result<Vec<CString>, CudaError> {
    let zero = |_| CudaError::Source {
        source_name: source.to_owned(),
        log: "it holds a zero byte".to_owned(),
    };
    strings
        .into_iter()
        .map(|s| CString::new(s).map_err(zero))
        .collect()
}
