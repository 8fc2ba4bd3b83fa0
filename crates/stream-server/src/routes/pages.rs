//! The pages: constant texts that load nothing from elsewhere.

use axum::http::HeaderName;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

/// Only what stands in the page runs, and it speaks with this server alone.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

fn page(html: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, html)
}

/// A page to chat with.
pub(super) async fn chat() -> impl IntoResponse {
    page(include_str!("chat.html"))
}

/// The API's description for people.
pub(super) async fn docs() -> impl IntoResponse {
    page(include_str!("docs.html"))
}
