//! Row 61: what a client says reaches neither the log nor the metrics. The log is that of the
//! whole process, so this is the only test here.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use stream_core::Error;
use stream_server::{ServerConfig, install_metrics, router};
use stream_testkit::{Act, Scripted};
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn send(router: &axum::Router, request: Request<Body>) -> String {
    let response = router.clone().oneshot(request).await.unwrap();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

fn ask(path: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn neither_prompts_nor_forged_lines_reach_logs_and_metrics() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_ansi(false).with_writer(log.clone());
    subscriber.init();
    let config = ServerConfig::default()
        .name("small\n\"forged\" 1")
        .vllm_metrics()
        .metrics(install_metrics().unwrap());
    let failure = Error::Engine("bad\n2026-01-01 ERROR forged".into());
    let script = [Act::say("SECRET answer"), Act::Fail(failure)];
    let router = router(Arc::new(Scripted::new(script)), config);
    let prompts = [
        json!({"prompt": "SECRET prompt", "stream": true, "user": "SECRET\nuser"}),
        json!({"prompt": "SECRET prompt", "model": "SECRET\nforged model"}),
        json!({"prompt": "SECRET prompt", "max_tokens": "SECRET"}),
    ];
    for body in &prompts {
        send(&router, ask("/v1/completions", body)).await;
    }
    let path = "/other%0A2026-01-01%20ERROR%20forged";
    send(&router, ask(path, &prompts[0])).await;
    let metrics = Request::get("/metrics").body(Body::empty()).unwrap();
    let metrics = send(&router, metrics).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a streamed answer failed"), "{log}");
    for text in [&log, &metrics] {
        assert!(!text.contains("SECRET"), "{text}");
        let forged = text
            .lines()
            .find(|line| line.starts_with("2026-01-01 ERROR"));
        assert_eq!(forged, None);
        assert!(
            !text.lines().any(|line| line.starts_with("\"forged\"")),
            "{text}"
        );
    }
}
