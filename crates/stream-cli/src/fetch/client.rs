//! The HTTP client of the fetch code.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};
use url::Url;

use super::FetchError;

pub(super) type Response = ureq::http::Response<Body>;

/// How long a server may take to accept a connection, and to begin its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may send nothing in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// An HTTP client that trusts what the operating system trusts, and goes through the proxy that
/// the environment names.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::through(Proxy::try_from_env())
    }

    /// A client that goes through this proxy, or through none.
    pub(super) fn through(proxy: Option<Proxy>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Lengths and ranges are those of the file, not of a packed form of it.
            .accept_encoding("identity")
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("stream-engine/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .proxy(proxy)
            .build();
        Self {
            agent: config.into(),
        }
    }

    /// Sends a GET request. Name and password in the address go into the request as RFC 7617
    /// says. An answer of any status is an answer.
    pub(super) fn get(
        &self,
        url: &Url,
        headers: &[(&str, String)],
    ) -> Result<Response, FetchError> {
        let mut request = self.agent.get(public(url).as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(value) = basic_authorization(url) {
            request = request.header("authorization", value);
        }
        request.call().map_err(|source| FetchError::Unreachable {
            url: public(url).into(),
            source: Box::new(source),
        })
    }
}

/// The address without name and password: what may be shown.
pub(super) fn public(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have a user, and so have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

fn basic_authorization(url: &Url) -> Option<String> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return None;
    }
    let decoded = |text: &str| percent_decoded(text.as_bytes());
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(password));
    Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_and_never_shown() {
        let url = Url::parse("https://me:p%40ss@mirror.example/simple").unwrap();
        assert_eq!(public(&url).as_str(), "https://mirror.example/simple");
        let header = basic_authorization(&url).unwrap();
        assert_eq!(
            header,
            format!("Basic {}", BASE64_STANDARD.encode("me:p@ss"))
        );
        assert_eq!(basic_authorization(&public(&url)), None);
    }
}
