//! Finds ONNX Runtime's library and loads it, once in a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use stream_checkpoint::default_model;

use crate::error::LibraryError;

/// Names a library to use.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// The folder in the user's cache into which `cargo xtask setup onnx` puts the library.
const FOLDER: &str = "onnxruntime-1.31.1";
/// The library's name there.
#[cfg(target_os = "windows")]
const FILE: &str = "onnxruntime.dll";
#[cfg(target_vendor = "apple")]
const FILE: &str = "libonnxruntime.1.31.1.dylib";
#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
const FILE: &str = "libonnxruntime.so.1.31.1";

/// What this process uses, from the first engine on to its end.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

struct Loaded {
    /// Without links, so that two names of one file are one library.
    path: PathBuf,
    environment: Environment,
}

/// The environment of the library at `given`, or where else one may be: in
/// [`LIBRARY_VARIABLE`], or in the user's cache.
pub(crate) fn environment(given: Option<&Path>) -> Result<Environment, LibraryError> {
    let path = find(given)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*loaded {
        return match loaded.path == path {
            true => Ok(loaded.environment.clone()),
            false => Err(LibraryError::Another {
                loaded: loaded.path.clone(),
                asked: path,
            }),
        };
    }
    let environment = load(&path)?;
    *loaded = Some(Loaded {
        path,
        environment: environment.clone(),
    });
    Ok(environment)
}

fn load(path: &Path) -> Result<Environment, LibraryError> {
    let unusable = |problem: String| LibraryError::Unusable {
        path: path.to_owned(),
        problem,
        least: least(),
    };
    let builder = ort::init_from(path).map_err(|error| unusable(error.to_string()))?;
    let builder = builder.with_name("stream-engine").with_telemetry(false);
    let environment = builder
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    Ok(environment)
}

/// The oldest version that serves.
fn least() -> String {
    format!("1.{}", ort::MINOR_VERSION)
}

fn find(given: Option<&Path>) -> Result<PathBuf, LibraryError> {
    let candidates = candidates(given, std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
    let found = candidates.iter().find_map(|path| path.canonicalize().ok());
    found.ok_or_else(|| LibraryError::Missing {
        looked_at: candidates,
        least: least(),
    })
}

/// Where the library may be. A place that was named is the only one.
fn candidates(given: Option<&Path>, variable: Option<PathBuf>) -> Vec<PathBuf> {
    let variable = variable.filter(|path| !path.as_os_str().is_empty());
    match given.map(Path::to_owned).or(variable) {
        Some(named) => vec![named],
        None => {
            let cache = default_model::cache_dir().into_iter();
            cache.map(|cache| cache.join(FOLDER).join(FILE)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_the_only_place() {
        let (given, variable) = (Path::new("a.so"), Some(PathBuf::from("b.so")));
        assert_eq!(candidates(Some(given), variable.clone()), [given]);
        assert_eq!(
            candidates(None, variable.clone()),
            variable.into_iter().collect::<Vec<_>>()
        );
        for nothing in [None, Some(PathBuf::new())] {
            let places = candidates(None, nothing);
            assert!(places.len() == 1 && places[0].ends_with(FILE), "{places:?}");
        }
    }
}
