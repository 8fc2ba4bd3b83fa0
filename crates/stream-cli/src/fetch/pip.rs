//! Which package index this machine uses: asked of pip, so that mirrors and proxies which were
//! set up for it serve here too.

use std::ffi::OsStr;
use std::process::Command;

use url::Url;

use super::FetchError;

/// The address of the package index: `PIP_INDEX_URL`, else what pip takes by default, its
/// configuration files considered.
pub(crate) fn index_url() -> Result<Url, FetchError> {
    match std::env::var("PIP_INDEX_URL") {
        Ok(given) if !given.trim().is_empty() => address(given.trim()),
        _ => address(&ask_pip()?),
    }
}

fn address(text: &str) -> Result<Url, FetchError> {
    if text.contains("****@") {
        return Err(FetchError::HiddenPassword(text.to_owned()));
    }
    let known = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    Url::parse(text)
        .ok()
        .filter(known)
        .ok_or_else(|| FetchError::IndexAddress(text.to_owned()))
}

fn ask_pip() -> Result<String, FetchError> {
    let help = ["python3", "python"]
        .iter()
        .find_map(pip_help)
        .ok_or(FetchError::NoPip)?;
    default_in_help(&help).ok_or(FetchError::NoIndex)
}

/// The help of `pip download`. A wide terminal is pretended, so that no address is wrapped.
fn pip_help(python: impl AsRef<OsStr>) -> Option<String> {
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--help"])
        .env("COLUMNS", "4000")
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// The address in `--index-url <url>  Base URL of … (default ADDRESS). …`.
fn default_in_help(help: &str) -> Option<String> {
    let (_, option) = help.split_once("--index-url <url>")?;
    let (_, value) = option.split_once("(default")?;
    let (value, _) = value.split_once(')')?;
    let address: String = value.split_whitespace().collect();
    (!address.is_empty()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_found_in_the_help() {
        let wrapped = "\
  -i, --index-url <url>       Base URL of the Python Package Index (default
                              https://mirror.example/simple). This should point
  --extra-index-url <url>     Extra URLs (default other)";
        let wide = "  -i, --index-url <url>  Base URL (default http://a.example/s/). This";
        for (help, expected) in [
            (wrapped, Some("https://mirror.example/simple")),
            (wide, Some("http://a.example/s/")),
            ("--index-url <url> (default )", None),
            ("--index-url <url> no default", None),
            ("usage: pip", None),
        ] {
            assert_eq!(default_in_help(help).as_deref(), expected, "{help}");
        }
    }

    #[test]
    fn only_web_addresses_are_taken() {
        assert!(address("https://mirror.example/simple").is_ok());
        for text in ["", "/srv/packages", "file:///srv/packages", "simple"] {
            let error = address(text).unwrap_err();
            assert!(matches!(error, FetchError::IndexAddress(_)), "{error}");
        }
        let error = address("https://me:****@mirror.example/simple").unwrap_err();
        assert!(matches!(error, FetchError::HiddenPassword(_)), "{error}");
    }
}
