//! Who is let in, before anything else is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tower_http::csrf::CsrfLayer;

use crate::error::ApiError;
use crate::state::App;

/// What needs no key: two words about the server, and a page without content.
const OPEN: &[&str] = &["/health", "/ready", "/"];

/// The address that requests came to, which decides what hosts they may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoundTo(pub(crate) IpAddr);

/// Digests of the keys: they have one length, and comparing them tells nothing about a key.
struct Keys(Vec<[u8; 32]>);

/// The routes behind their guards.
pub(crate) fn guarded(routes: Router, app: App) -> Router {
    let keys = app.config.api_keys.iter().map(|key| digest(key.as_bytes()));
    let keys = Arc::new(Keys(keys.collect()));
    let foreign = CsrfLayer::new().with_rejection_response(|_| {
        denied("requests of other sites are not answered").into_response()
    });
    routes
        .layer(middleware::from_fn_with_state(keys, check_key))
        .layer(foreign)
        .layer(middleware::from_fn_with_state(app, check_host))
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn denied(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "permission_error", None, message)
}

async fn check_key(State(keys): State<Arc<Keys>>, request: Request, next: Next) -> Response {
    let open = request.method() == Method::GET && OPEN.contains(&request.uri().path());
    if keys.0.is_empty() || open || keys.know(request.headers()) {
        return next.run(request).await;
    }
    let message = "this server needs a key, as `authorization: Bearer KEY`";
    let status = StatusCode::UNAUTHORIZED;
    let code = Some("invalid_api_key");
    let error = ApiError::new(status, "authentication_error", code, message);
    let mut response = error.into_response();
    let challenge = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

impl Keys {
    /// Whether exactly one key is given, and it is one of ours.
    fn know(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(given), None) = (given.next(), given.next()) else {
            return false;
        };
        let given = given.as_bytes();
        let Some((scheme, key)) = given.split_at_checked(7) else {
            return false;
        };
        let key = digest(key.trim_ascii());
        let matches = |known: &[u8; 32]| bool::from(known.ct_eq(&key));
        // Every key is compared, whichever fits.
        let fits = self.0.iter().filter(|known| matches(known)).count() > 0;
        scheme.eq_ignore_ascii_case(b"bearer ") && fits
    }
}

/// A page of another site can make a name of its own point here, and then counts as this site. It
/// cannot change the name in the `Host` field.
async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let bound = request.extensions().get::<BoundTo>().map(|bound| bound.0);
    let hosts = &app.config.hosts;
    let mut named = request.headers().get_all(HOST).iter();
    let known = match (bound, named.next(), named.next()) {
        (None, _, _) => true,
        (Some(_), Some(host), None) => host.to_str().is_ok_and(|host| {
            let name = without_port(host);
            let ours = hosts.iter().any(|known| known.eq_ignore_ascii_case(name));
            let loopback = bound.is_some_and(|address| address.is_loopback());
            ours || match loopback {
                true => is_loopback(name),
                false => hosts.is_empty(),
            }
        }),
        _ => false,
    };
    match known {
        true => next.run(request).await,
        false => denied("this host name is not served here").into_response(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_several_names() {
        for host in [
            "localhost",
            "LocalHost:80",
            "127.0.0.1:8000",
            "[::1]:1",
            "[::1]",
            "127.9.9.9",
        ] {
            assert!(is_loopback(without_port(host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil",
            "10.0.0.1:8000",
            "",
            "127.0.0.1.evil:1",
        ] {
            assert!(!is_loopback(without_port(host)), "{host}");
        }
    }
}
