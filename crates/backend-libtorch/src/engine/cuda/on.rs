//! libtorch's part for CUDA, out of a PyTorch that the user has.
//!
//! This program is linked against the CPU's part alone, so that it starts everywhere. The part for
//! CUDA registers itself with it when it is loaded, with every symbol visible; that has to be before
//! anything asks libtorch for CUDA, because "there is none" is an answer that it remembers.

#[path = "release.rs"]
mod release;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, mem};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use nvidia_driver::Gpu;

use self::release::Release;
use super::NoDevice;
use super::shim;

/// Names the folder or the library, where options do not.
const VARIABLE: &str = "STREAM_ENGINE_LIBTORCH_CUDA";
const LIBRARY: &str = "libtorch_cuda.so";

/// The library that this process has loaded. It stays until the process ends: libtorch keeps
/// pointers into it.
static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The GPU with this number, as the driver knows it.
pub(super) fn check(ordinal: usize) -> Result<Gpu, NoDevice> {
    Ok(nvidia_driver::gpu(ordinal)?)
}

/// Makes the GPU with this number known to libtorch.
pub(super) fn open(library: Option<&Path>, ordinal: usize) -> Result<Gpu, NoDevice> {
    let gpu = check(ordinal)?;
    load(library)?;
    let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    match ordinal < found {
        true => Ok(gpu),
        false => Err(NoDevice::Unusable { found, ordinal }),
    }
}

/// Loads the library, once in a process.
fn load(named: Option<&Path>) -> Result<(), NoDevice> {
    let wanted = Release::linked(&shim::config());
    let named = named.map(Path::to_owned);
    let named = named.or_else(|| env::var_os(VARIABLE).map(PathBuf::from));
    let named = named.filter(|path| !path.as_os_str().is_empty());
    let Some(named) = named else {
        let wanted = wanted.to_string();
        return Err(NoDevice::NoLibrary { wanted });
    };
    let path = match named.is_dir() {
        true => named.join(LIBRARY),
        false => named,
    };
    let path = path.canonicalize().map_err(|error| NoDevice::Library {
        problem: format!("{}: {error}", path.display()),
    })?;
    fits(&path, &wanted)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some(loaded) if *loaded == path => return Ok(()),
        Some(loaded) => {
            return Err(NoDevice::OtherLibrary {
                wanted: path.display().to_string(),
                loaded: loaded.display().to_string(),
            });
        }
        None => {}
    }
    // SAFETY: it is the same release of the library whose other parts are loaded, as `fits` has
    // found, and its initialisers register it with these.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) };
    mem::forget(library.map_err(|error| NoDevice::Library {
        problem: release::told(&error),
    })?);
    *loaded = Some(path);
    Ok(())
}

/// Says so where the library is of another release, before the loader tells of symbols that it
/// misses.
fn fits(path: &Path, wanted: &Release) -> Result<(), NoDevice> {
    match Release::beside(path) {
        Some(found) if !found.goes_with(wanted) => Err(NoDevice::OtherVersion {
            path: path.display().to_string(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        }),
        // A folder that does not say is believed: the loader sees what is missing.
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
