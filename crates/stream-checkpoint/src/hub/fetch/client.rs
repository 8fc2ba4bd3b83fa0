//! What is asked of the hub.

use std::time::Duration;

use hf_hub::api::RepoInfo;
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, LOCATION, RANGE};
use ureq::http::{StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, Proxy, RequestBuilder};

use super::super::{HubConfig, HubError, HubReference, Token};
use super::cache::is_commit;

pub(super) type Response = ureq::http::Response<Body>;

/// How long the hub may take to accept a connection, to begin its answer, and to send nothing in
/// the middle of one.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest description of a repository that is read.
const LONGEST: u64 = 64 << 20;
/// Renamed repositories redirect once.
const MOST_REDIRECTS: usize = 5;
/// What ends or alters a path in a URL. Names hold no control characters.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The files of a repository at a commit.
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

/// A file as the hub describes it.
pub(super) struct Remote {
    pub(super) url: String,
    /// Names the content, and is safe as a file's name.
    pub(super) etag: String,
    pub(super) bytes: u64,
}

/// Asks about one repository at one revision.
pub(super) struct Client {
    agent: Agent,
    /// Knows the hub's addresses.
    api: Api,
    token: Option<Token>,
    repo: String,
    revision: String,
}

impl Client {
    pub(super) fn new(config: &HubConfig, reference: &HubReference) -> Result<Self, HubError> {
        let endpoint = web_address(&config.endpoint)?;
        let api = ApiBuilder::from_cache(Cache::new(config.cache.clone()))
            .with_endpoint(config.endpoint.clone())
            .with_token(None)
            .with_progress(false)
            .build();
        Ok(Self {
            agent: agent(&endpoint),
            api: api.map_err(|e| unreachable(&config.endpoint, e))?,
            token: config.token.clone(),
            repo: reference.repo().to_owned(),
            revision: reference.revision().to_owned(),
        })
    }

    /// The commit that the revision means now, and its files.
    pub(super) fn list(&self) -> Result<Listing, HubError> {
        let request = self.repo_at(&self.revision).info_request();
        let address = request.uri_ref().map(Uri::to_string).unwrap_or_default();
        let (url, mut response) = self.ask(address, |url| self.agent.get(url))?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(&url, &response, None));
        }
        let wrong = |problem: String| HubError::Protocol {
            url: url.clone(),
            problem,
        };
        let body = response.body_mut().with_config().limit(LONGEST);
        let text = body.read_to_string().map_err(|e| unreachable(&url, e))?;
        let info: RepoInfo = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        if !is_commit(&info.sha) {
            return Err(wrong(format!("`{}` is no commit", info.sha.escape_debug())));
        }
        Ok(Listing {
            commit: info.sha,
            files: info
                .siblings
                .into_iter()
                .map(|file| file.rfilename)
                .collect(),
        })
    }

    /// Length and hash of a file. They stand in the hub's own answer, also where that answer
    /// redirects to another host, which knows neither.
    pub(super) fn describe(&self, commit: &str, file: &str) -> Result<Remote, HubError> {
        let path = utf8_percent_encode(file, NOT_IN_PATHS).to_string();
        let address = self.repo_at(commit).url(&path);
        let (url, response) = self.ask(address, |url| self.agent.head(url))?;
        let status = response.status();
        if !(status.is_success() || status.is_redirection()) {
            return Err(self.refusal(&url, &response, Some(file)));
        }
        let missing = |name: &str| HubError::Protocol {
            url: url.clone(),
            problem: format!("no usable header {name} for {file}"),
        };
        let linked = header(&response, "x-linked-size");
        // The length of a redirection is not the file's.
        let own = || header(&response, CONTENT_LENGTH.as_str()).filter(|_| status.is_success());
        let bytes = linked.or_else(own).and_then(|text| text.parse().ok());
        let etag = header(&response, "x-linked-etag").or_else(|| header(&response, ETAG.as_str()));
        let etag = etag.map(plain_etag).filter(|etag| is_file_name(etag));
        Ok(Remote {
            bytes: bytes.ok_or_else(|| missing("X-Linked-Size or Content-Length"))?,
            etag: etag
                .ok_or_else(|| missing("X-Linked-Etag or ETag"))?
                .to_owned(),
            url,
        })
    }

    /// The content of a file, from this byte on. The answer may come from another host, which
    /// does not get the token.
    pub(super) fn open(&self, url: &str, from: u64) -> Result<Response, HubError> {
        let mut request = self.agent.get(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, bearer(token));
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let request = request.config().max_redirects(10).build();
        request.call().map_err(|e| unreachable(url, e))
    }

    /// What an answer means that is no success.
    pub(super) fn refusal(&self, url: &str, response: &Response, file: Option<&str>) -> HubError {
        let (repo, revision) = (self.repo.clone(), self.revision.clone());
        let token_sent = self.token.is_some();
        let code = header(response, "x-error-code").unwrap_or_default();
        match (code, response.status().as_u16(), file) {
            ("GatedRepo", ..) | (_, 403, _) => HubError::Gated { repo, token_sent },
            ("RevisionNotFound", ..) => HubError::NoRevision { repo, revision },
            ("RepoNotFound", ..) => HubError::NoRepository { repo, token_sent },
            (_, 401, _) => HubError::Unauthorized { repo, token_sent },
            (_, 404, Some(file)) => HubError::NoFile {
                repo,
                revision,
                file: file.to_owned(),
            },
            (_, 404, None) => HubError::NoRepository { repo, token_sent },
            (_, status, _) => HubError::Status {
                url: url.to_owned(),
                status,
            },
        }
    }

    fn repo_at(&self, revision: &str) -> ApiRepo {
        let (repo, revision) = (self.repo.clone(), revision.to_owned());
        self.api
            .repo(Repo::with_revision(repo, RepoType::Model, revision))
    }

    /// Sends a request with the token, and follows where it is redirected on the same host. Gives
    /// the address of the last answer too.
    fn ask(
        &self,
        mut url: String,
        request: impl Fn(&str) -> RequestBuilder<WithoutBody>,
    ) -> Result<(String, Response), HubError> {
        for _ in 0..MOST_REDIRECTS {
            let mut request = request(&url);
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, bearer(token));
            }
            let response = request.call().map_err(|e| unreachable(&url, e))?;
            match moved_within_host(&url, &response) {
                Some(next) => url = next,
                None => return Ok((url, response)),
            }
        }
        Err(HubError::Protocol {
            url,
            problem: "it redirects again and again".to_owned(),
        })
    }
}

fn web_address(endpoint: &str) -> Result<Uri, HubError> {
    let uri: Option<Uri> = endpoint.parse().ok();
    let known = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    uri.filter(|uri| known(uri) && uri.host().is_some())
        .ok_or_else(|| HubError::Endpoint(endpoint.to_owned()))
}

/// An HTTP client that trusts what the operating system trusts. A stand-in on this machine is
/// asked without the environment's proxy.
fn agent(endpoint: &Uri) -> Agent {
    let is_local = matches!(endpoint.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let proxy = if is_local {
        None
    } else {
        Proxy::try_from_env()
    };
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Lengths and ranges are those of the file, not of a packed form of it.
        .accept_encoding("identity")
        .max_redirects(0)
        .timeout_resolve(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("stream-engine/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .proxy(proxy)
        .build();
    config.into()
}

fn bearer(token: &Token) -> String {
    format!("Bearer {}", token.secret())
}

fn unreachable(url: &str, error: impl std::fmt::Display) -> HubError {
    HubError::Unreachable {
        url: url.to_owned(),
        why: error.to_string(),
    }
}

pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Where a redirection leads, if that is on the host of `url`.
fn moved_within_host(url: &str, response: &Response) -> Option<String> {
    let location =
        header(response, LOCATION.as_str()).filter(|_| response.status().is_redirection())?;
    let (url, location): (Uri, Uri) = (url.parse().ok()?, location.parse().ok()?);
    let path = location.path_and_query()?.clone();
    if location.authority().is_some()
        && (location.scheme(), location.authority()) != (url.scheme(), url.authority())
    {
        return None;
    }
    let mut parts = url.into_parts();
    parts.path_and_query = Some(path);
    Some(Uri::from_parts(parts).ok()?.to_string())
}

/// An entity tag without the mark of a weak one and without quotes.
fn plain_etag(text: &str) -> &str {
    text.strip_prefix("W/").unwrap_or(text).trim_matches('"')
}

/// Whether an entity tag can be a file's name: the server chose it.
fn is_file_name(etag: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=128).contains(&etag.len()) && etag.chars().all(is_plain) && !etag.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_that_would_leave_the_folder_is_no_file_name() {
        for (tag, expected) in [
            ("\"abc-1\"", Some("abc-1")),
            ("W/\"abc\"", Some("abc")),
            ("\"../../x\"", None),
            ("\"..\"", None),
            ("\"a/b\"", None),
            ("\"a\\b\"", None),
            ("\"\"", None),
        ] {
            let found = Some(plain_etag(tag)).filter(|etag| is_file_name(etag));
            assert_eq!(found, expected, "{tag}");
        }
    }

    #[test]
    fn only_web_addresses_are_endpoints() {
        assert!(web_address("https://m.example/hf").is_ok());
        for bad in ["", "m.example", "/srv", "file:///srv", "ftp://m.example"] {
            assert!(
                matches!(web_address(bad), Err(HubError::Endpoint(_))),
                "{bad}"
            );
        }
    }
}
