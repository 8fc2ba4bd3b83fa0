//! Rows 57 to 60: who is let in.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use stream_core::Mock;
use stream_server::{ServeError, Server, ServerConfig, router};

use crate::client::{get, post, send, serve};

fn locked() -> Router {
    let config = ServerConfig::default().api_key("key-1").api_key("key-2");
    router(Arc::new(Mock::new(["x"])), config)
}

async fn status(path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    send(&locked(), request).await.status.as_u16()
}

#[tokio::test]
async fn a_key_is_asked_for_everywhere_but_at_the_door() {
    for path in ["/health", "/ready", "/"] {
        assert_eq!(status(path, &[]).await, 200, "{path}");
    }
    let shut = [
        "/v1/models",
        "//v1/models",
        "/V1/models",
        "/v1%2fmodels",
        "/metrics",
        "/version",
        "/docs",
        "/openapi.json",
        "/health/",
        "//health",
        "/health%2f..",
        "/nothing",
        "/ready?x",
    ];
    for path in shut.iter().filter(|path| !path.starts_with("/ready")) {
        assert_eq!(status(path, &[]).await, 401, "{path}");
    }
    let options = Request::options("/v1/models").body(Body::empty()).unwrap();
    assert_eq!(send(&locked(), options).await.status, 401);
    assert_eq!(send(&locked(), post("/health", "{}")).await.status, 401);
}

#[tokio::test]
async fn only_a_known_key_opens() {
    let of = |value: &'static str| async move {
        status("/v1/models", &[("authorization", value)]).await
    };
    for good in ["Bearer key-1", "bearer key-2", "BEARER  key-1"] {
        assert_eq!(of(good).await, 200, "{good}");
    }
    for bad in [
        "Bearer key-3",
        "Bearer KEY-1",
        "key-1",
        "Basic key-1",
        "Bearer ",
        "Bearer",
        "Bearerkey-1",
        "",
    ] {
        assert_eq!(of(bad).await, 401, "{bad}");
    }
    let two = [
        ("authorization", "Bearer key-1"),
        ("authorization", "Bearer key-1"),
    ];
    assert_eq!(status("/v1/models", &two).await, 401);
    assert_eq!(status("/v1/models", &[("x-api-key", "key-1")]).await, 401);
}

#[tokio::test]
async fn what_is_refused_has_the_right_form() {
    let answer = get(&locked(), "/v1/models").await;
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
}

#[tokio::test]
async fn other_sites_are_not_answered() {
    let router = serve(Mock::new(["x"]));
    let body = || json!({"prompt": "x"});
    let with = |name: &'static str, value: &'static str| {
        let mut request = post("/v1/completions", body());
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    assert_eq!(
        send(&router, with("sec-fetch-site", "cross-site"))
            .await
            .status,
        403
    );
    assert_eq!(
        send(&router, with("origin", "http://evil.example"))
            .await
            .status,
        403
    );
    assert_eq!(
        send(&router, with("sec-fetch-site", "same-origin"))
            .await
            .status,
        200
    );
    assert_eq!(
        send(&router, with("content-type", "text/plain"))
            .await
            .status,
        415
    );
    let answer = send(&router, with("sec-fetch-site", "same-origin")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn an_open_address_needs_a_key_or_a_word() {
    let open = |config| Server::bind("0.0.0.0:0", Arc::new(Mock::new(["x"])), config);
    let refused = open(ServerConfig::default()).await;
    assert!(matches!(refused, Err(ServeError::Open { .. })));
    assert!(open(ServerConfig::default().api_key("k")).await.is_ok());
    assert!(open(ServerConfig::default().insecure()).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let bind = |address: String| {
        Server::bind(address, Arc::new(Mock::new(["x"])), ServerConfig::default())
    };
    let first = bind("127.0.0.1:0".to_owned()).await.unwrap();
    assert_ne!(first.address().port(), 0);
    let error = bind(first.address().to_string())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&first.address().to_string()), "{error}");
}
