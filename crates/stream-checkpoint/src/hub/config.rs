//! The hub's usual environment.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use directories::BaseDirs;

use super::HubError;

/// The hub itself.
const ENDPOINT: &str = "https://huggingface.co";

/// A secret that proves to the hub who asks. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token without the white space around it; `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The token itself, for the header of a request.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where the hub is, where its files are kept, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// The hub's address, or that of a mirror, without a slash at the end.
    pub endpoint: String,
    /// The folder that holds `models--OWNER--REPO` folders; other programs may use it too.
    pub cache: PathBuf,
    /// Sent to the endpoint, and to no other host.
    pub token: Option<Token>,
    /// Whether only what is in the cache is used.
    pub offline: bool,
}

impl HubConfig {
    /// The hub at its own address, anonymously, with this cache folder.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: ENDPOINT.to_owned(),
            cache: cache.into(),
            token: None,
            offline: false,
        }
    }

    /// What the environment says, in the variables that `huggingface_hub` documents: `HF_ENDPOINT`;
    /// `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` in `HF_HOME`, or in `huggingface` in
    /// `XDG_CACHE_HOME` or `~/.cache`; `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file
    /// `HF_TOKEN_PATH` or `token` in `HF_HOME`, unless `HF_HUB_DISABLE_IMPLICIT_TOKEN` is on;
    /// `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`] if no variable names the cache and there is no home folder.
    pub fn from_env() -> Result<Self, HubError> {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self::from_variables(&|name| env::var_os(name), home.as_deref())
    }

    fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Result<Self, HubError> {
        let variables = Variables { variable, home };
        let cache = variables.cache().ok_or(HubError::NoCacheFolder)?;
        let mut config = Self::new(cache);
        if let Some(endpoint) = variables.text("HF_ENDPOINT") {
            config.endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        }
        config.token = variables.token();
        config.offline = variables.is_on("HF_HUB_OFFLINE");
        Ok(config)
    }
}

struct Variables<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    home: Option<&'a Path>,
}

impl Variables<'_> {
    /// A variable that is set to nothing is not set.
    fn get(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.into_string().ok()
    }

    /// What `huggingface_hub` takes for yes.
    fn is_on(&self, name: &str) -> bool {
        let value = self.text(name).unwrap_or_default().to_ascii_uppercase();
        matches!(value.as_str(), "1" | "ON" | "YES" | "TRUE")
    }

    /// A path, with `~` for the home folder.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.get(name)?);
        match (path.strip_prefix("~"), self.home) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path),
        }
    }

    fn cache(&self) -> Option<PathBuf> {
        self.path("HF_HUB_CACHE")
            .or_else(|| self.path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(self.hub_home()?.join("hub")))
    }

    fn hub_home(&self) -> Option<PathBuf> {
        let in_cache = || {
            let cache = self.path("XDG_CACHE_HOME");
            Some(
                cache
                    .or_else(|| Some(self.home?.join(".cache")))?
                    .join("huggingface"),
            )
        };
        self.path("HF_HOME").or_else(in_cache)
    }

    fn token(&self) -> Option<Token> {
        if self.is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return None;
        }
        let named = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
        let named = named.iter().find_map(|name| Token::new(&self.text(name)?));
        named.or_else(|| Token::new(&fs::read_to_string(self.token_path()?).ok()?))
    }

    fn token_path(&self) -> Option<PathBuf> {
        self.path("HF_TOKEN_PATH")
            .or_else(|| Some(self.hub_home()?.join("token")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(set: &[(&str, &str)]) -> HubConfig {
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into());
        HubConfig::from_variables(&value, Some(Path::new("/h"))).unwrap()
    }

    #[test]
    fn the_cache_folder() {
        for (set, expected) in [
            (&[][..], "/h/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/y")], "/y/hub"),
            (&[("HF_HOME", "~/y")], "/h/y/hub"),
            (&[("HF_HOME", "/y"), ("HUGGINGFACE_HUB_CACHE", "/z")], "/z"),
            (
                &[("HUGGINGFACE_HUB_CACHE", "/z"), ("HF_HUB_CACHE", "/w")],
                "/w",
            ),
            (
                &[("HF_HUB_CACHE", ""), ("HF_HOME", "")],
                "/h/.cache/huggingface/hub",
            ),
        ] {
            assert_eq!(config(set).cache, Path::new(expected), "{set:?}");
        }
        let nowhere = HubConfig::from_variables(&|_| None, None);
        assert!(matches!(nowhere, Err(HubError::NoCacheFolder)));
    }

    #[test]
    fn the_endpoint_and_the_wish_to_stay_offline() {
        assert_eq!(config(&[]).endpoint, "https://huggingface.co");
        let mirror = config(&[("HF_ENDPOINT", "https://m.example/hf/")]);
        assert_eq!(mirror.endpoint, "https://m.example/hf");
        for (value, expected) in [
            ("1", true),
            ("true", true),
            ("Yes", true),
            ("0", false),
            ("", false),
        ] {
            assert_eq!(
                config(&[("HF_HUB_OFFLINE", value)]).offline,
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn the_token() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let own = folder.path().join("own");
        let own = own.to_str().unwrap();
        fs::write(folder.path().join("token"), "stored\n").unwrap();
        fs::write(own, "mine").unwrap();
        for (set, expected) in [
            (&[][..], None),
            (&[("HF_HOME", home)], Some("stored")),
            (&[("HF_HOME", home), ("HF_TOKEN_PATH", own)], Some("mine")),
            (&[("HF_HOME", home), ("HF_TOKEN", " given ")], Some("given")),
            (&[("HF_HOME", home), ("HF_TOKEN", " ")], Some("stored")),
            (&[("HUGGING_FACE_HUB_TOKEN", "old")], Some("old")),
            (
                &[
                    ("HF_TOKEN", "given"),
                    ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
                ],
                None,
            ),
        ] {
            let token = config(set).token;
            assert_eq!(token.as_ref().map(Token::secret), expected, "{set:?}");
            assert!(!format!("{token:?}").contains(expected.unwrap_or("Token(\"")));
        }
    }
}
