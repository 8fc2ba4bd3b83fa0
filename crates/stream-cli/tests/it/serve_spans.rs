//! Spans of `serve`, as a collector gets them.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::program::{model, program};
use crate::serve::{Served, terminate};

/// The head and body of the first request that comes.
fn collected(collector: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = collector.accept().unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut piece).unwrap();
        all.extend_from_slice(&piece[..n]);
        let end = all.windows(4).position(|w| w == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if all.len() >= end + 4 + length {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            return (head, all.split_off(end + 4));
        }
    }
}

#[test]
fn spans_reach_the_collector_before_the_end() {
    model();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", collector.local_addr().unwrap());
    let mut command = program(["serve", "--port", "0", "--served-model-name", "small"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", address);
    let mut served = Served::start(command);
    let body = json!({"prompt": "SECRET", "max_tokens": 2});
    assert_eq!(served.post("/v1/completions", &body).0, 200);
    // The next batch would leave seconds later.
    terminate(&served.child);
    let (head, spans) = collected(&collector);
    assert!(head.starts_with("POST /v1/traces"), "{head}");
    let spans = String::from_utf8_lossy(&spans);
    for word in [
        "text_completion small",
        "gen_ai.usage.output_tokens",
        "stream-engine",
    ] {
        assert!(spans.contains(word), "no {word} in {spans}");
    }
    assert!(!spans.contains("SECRET"));
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}
