//! What is wrong with requests, and what goes wrong while they are answered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stream_core::{Error, Health, Mock, Rejection};
use stream_server::{Limits, ServerConfig, router};
use stream_testkit::{Act, Scripted};

use crate::client::{chat, complete, get, post, send, serve};

/// Rows 21, 22, 24 to 28: each is refused with 400, and names what is wrong.
#[tokio::test]
async fn what_is_wrong_is_named() {
    let router = serve(Mock::new(["x"]));
    let cases: &[(&str, Value)] = &[
        ("max_tokens", json!({"max_tokens": 0})),
        ("max_tokens", json!({"max_tokens": -1})),
        ("n", json!({"n": 1_000_000})),
        ("n", json!({"n": 0})),
        ("stop", json!({"stop": ""})),
        ("stop", json!({"stop": vec!["x"; 10_000]})),
        ("stop", json!({"stop": "x".repeat(1 << 20)})),
        ("stop", json!({"stop": 3})),
        ("temperature", json!({"temperature": -1})),
        ("temperature", json!({"temperature": 1e-30})),
        ("temperature", json!({"temperature": 1e30})),
        ("temperature", json!({"temperature": "hot"})),
        ("top_p", json!({"top_p": 0})),
        ("top_p", json!({"top_p": 1.5})),
        ("top_k", json!({"top_k": -2})),
        ("top_k", json!({"top_k": 1.5})),
        ("min_p", json!({"min_p": 2})),
        ("presence_penalty", json!({"presence_penalty": 3})),
        ("seed", json!({"seed": 18_446_744_073_709_551_616_f64})),
        ("logit_bias", json!({"logit_bias": {"x": 1}})),
        ("logit_bias", json!({"logit_bias": {"-1": 1}})),
        ("stop_token_ids", json!({"stop_token_ids": [-1]})),
        (
            "stream_options",
            json!({"stream_options": {"include_usage": true}}),
        ),
        ("store", json!({"store": true})),
        (
            "response_format",
            json!({"response_format": {"type": "json_schema"}}),
        ),
        ("structured_outputs", json!({"structured_outputs": {}})),
    ];
    for (name, case) in cases {
        let answer = complete(&router, case.clone()).await;
        assert_eq!(answer.status, 400, "{case} {}", answer.text);
        let param = answer.json()["error"]["param"].clone();
        assert!(
            param.as_str().unwrap_or("").starts_with(name),
            "{case}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_its_name() {
    let router = serve(Mock::new(["x"]));
    let unknown = complete(&router, json!({"tempreature": 1})).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.error().contains("tempreature"), "{}", unknown.text);
    let twice = send(
        &router,
        post("/v1/completions", r#"{"prompt":"x","prompt":"y"}"#),
    )
    .await;
    assert_eq!(twice.status, 400);
    assert!(
        twice.error().contains("duplicate field `prompt`"),
        "{}",
        twice.text
    );
    let unsupported = complete(&router, json!({"min_tokens": 2})).await;
    assert_eq!(unsupported.status, 400);
    assert_eq!(unsupported.json()["error"]["code"], "unsupported_parameter");
    assert_eq!(unsupported.json()["error"]["param"], "min_tokens");
    let model = complete(&router, json!({"model": "other"})).await;
    assert_eq!(model.status, 404);
    assert_eq!(model.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn messages_that_say_nothing_or_nonsense_are_refused() {
    let router = serve(Mock::new(["x"]));
    let cases = [
        json!([]),
        json!([{"role": "user", "content": ""}]),
        json!([{"role": "system", "content": "x"}]),
        json!([{"role": "user", "content": null}]),
        json!([{"role": "clown", "content": "x"}]),
        json!([{"role": "user", "content": "x", "colour": 1}]),
        json!([{"role": "user", "content": [{"type": "image_url"}]}]),
        json!([{"role": "tool", "content": "x"}]),
        json!([{"role": "user", "content": "x", "tool_call_id": "1"}]),
        json!("x"),
    ];
    for messages in cases {
        let answer = send(
            &router,
            post("/v1/chat/completions", json!({"messages": messages})),
        )
        .await;
        assert_eq!(answer.status, 400, "{messages}");
        let param = answer.json()["error"]["param"].clone();
        assert!(
            param.as_str().unwrap().starts_with("messages"),
            "{}",
            answer.text
        );
    }
    let parts = json!([{"role": "developer", "content": "Be brief."},
                       {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]);
    let answer = send(
        &router,
        post("/v1/chat/completions", json!({"messages": parts})),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Rows 28 to 30.
#[tokio::test]
async fn bodies_that_are_no_requests_are_refused() {
    let router = serve(Mock::new(["x"]));
    let deep = format!(
        "{{\"prompt\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let bad = [
        "",
        "[]",
        "3",
        "{",
        "{}",
        "{\"prompt\": \"\\ud800\"}",
        "{\"prompt\": \"x\"} {}",
        &deep,
    ];
    for body in bad {
        let answer = send(&router, post("/v1/completions", body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let mut invalid = post("/v1/completions", "");
    *invalid.body_mut() = axum::body::Body::from(&b"{\"prompt\": \"\xFF\"}"[..]);
    assert_eq!(send(&router, invalid).await.status, 400);
    let large = json!({"prompt": "x".repeat(3 << 20)});
    assert_eq!(
        send(&router, post("/v1/completions", large)).await.status,
        413
    );
    let mut zipped = post("/v1/completions", "{\"prompt\":\"x\"}");
    zipped
        .headers_mut()
        .insert("content-encoding", "gzip".parse().unwrap());
    assert_ne!(send(&router, zipped).await.status, 500);
}

#[tokio::test]
async fn an_error_before_the_first_token_is_a_status() {
    let limit = Duration::from_secs(1);
    let cases = [
        (Error::Engine("broken".into()), 500),
        (Error::Hung { limit }, 504),
        (Error::ShutDown, 503),
        (Error::Unreachable("far away".into()), 502),
        (
            Error::Rejected(Box::new(Rejection::QueueFull { capacity: 1 })),
            503,
        ),
    ];
    for (error, status) in cases {
        for stream in [true, false] {
            let router = serve(Scripted::new([Act::Fail(error.clone())]));
            let answer = chat(&router, json!({"stream": stream})).await;
            assert_eq!(answer.status, status, "{error}");
            assert_eq!(answer.headers["content-type"], "application/json");
            assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
            assert!(
                answer.error().contains(&error.to_string()),
                "{}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn an_error_after_the_first_token_is_an_event() {
    for act in [
        Act::Fail(Error::Engine("broken".into())),
        Act::Abandon,
        Act::Panic,
    ] {
        let router = serve(Scripted::new([Act::say("one"), act]));
        let answer = chat(&router, json!({"stream": true})).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.said(0), "one");
        let events = answer.events();
        let last = events.last().unwrap();
        assert_eq!(last["error"]["type"], "server_error", "{last}");
    }
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let refusing = Scripted::new([]).refusing(Rejection::QueueFull { capacity: 1 });
    let full = chat(&serve(refusing), json!({})).await;
    assert_eq!(
        (full.status.as_u16(), &full.headers["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let backend = Arc::new(Scripted::new([Act::say("x"), Act::Hang]));
    let router = router(backend, ServerConfig::default().limits(limits));
    let held = {
        use tower::ServiceExt;
        let request = post("/v1/completions", json!({"prompt": "x", "stream": true}));
        router.clone().oneshot(request).await.unwrap()
    };
    let answer = complete(&router, json!({})).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    drop(held);
    let again = complete(&router, json!({"max_tokens": 1})).await;
    assert_eq!(again.status, 200, "{}", again.text);
}

/// Row 62: silence is filled, and the status does not wait for ever.
#[tokio::test]
async fn a_long_silence_is_filled_with_comments() {
    let limits = Limits {
        hold_head: Duration::from_millis(20),
        keep_alive: Duration::from_millis(20),
        ..Limits::default()
    };
    let script = [Act::Wait(Duration::from_millis(150)), Act::say("late")];
    let backend = Arc::new(Scripted::new(script));
    let router = router(backend, ServerConfig::default().limits(limits));
    let answer = chat(&router, json!({"stream": true})).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text.starts_with(": keep-alive\n\n"),
        "{}",
        answer.text
    );
    assert_eq!(answer.said(0), "late");
}

#[tokio::test]
async fn health_tells_what_is_broken() {
    let of = |health| serve(Scripted::new([]).with_health(health));
    let failed = of(Health::Failed("the device is gone".into()));
    let answer = get(&failed, "/health").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reason"], "the device is gone");
    for health in [Health::Loading, Health::Draining] {
        let router = of(health);
        assert_eq!(get(&router, "/health").await.status, 200);
        assert_eq!(get(&router, "/ready").await.status, 503);
    }
}
