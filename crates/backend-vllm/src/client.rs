//! The HTTP client.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use crate::config::{KeySource, VllmConfig};
use crate::error::ConnectError;

/// A client that follows no redirect: a request's text goes where the operator said, and nowhere
/// else.
pub(crate) fn client(config: &VllmConfig) -> Result<reqwest::Client, ConnectError> {
    let mut headers = HeaderMap::new();
    if let Some(source) = &config.key {
        headers.insert(AUTHORIZATION, bearer(source)?);
    }
    let failed = |error: &dyn std::fmt::Display| ConnectError::Client(error.to_string().into());
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls().map_err(|e| failed(&e))?)
        .redirect(Policy::none())
        .connect_timeout(config.timeouts.connect)
        .read_timeout(config.timeouts.idle)
        .tcp_keepalive(config.timeouts.idle)
        .default_headers(headers)
        .build()
        .map_err(|e| failed(&e))
}

/// TLS with the system's certificates, and a provider that is ours alone: nothing global is set.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(provider.clone())?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn bearer(source: &KeySource) -> Result<HeaderValue, ConnectError> {
    let (place, read) = match source {
        KeySource::Variable(name) => (
            format!("the environment variable {name}"),
            std::env::var(name).map_err(|e| e.to_string()),
        ),
        KeySource::File(path) => (
            path.display().to_string(),
            std::fs::read_to_string(path).map_err(|e| e.to_string()),
        ),
    };
    let failed = |problem: String| ConnectError::Key {
        place: place.clone(),
        problem,
    };
    let key = read.map_err(&failed)?;
    let key = key.trim();
    if key.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    let header = HeaderValue::try_from(format!("Bearer {key}"));
    let mut header =
        header.map_err(|_| failed("it has characters that no header may have".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}
