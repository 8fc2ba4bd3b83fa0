//! Rows 52 to 56: connections that misbehave, and clients that go away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stream_core::{Backend, Mock};
use stream_server::{Limits, Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) async fn start(backend: Arc<dyn Backend>, limits: Limits) -> SocketAddr {
    let config = ServerConfig::default().limits(limits);
    let server = Server::bind("127.0.0.1:0", backend, config).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run(std::future::pending()));
    address
}

fn quick() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(150),
        body_timeout: Duration::from_millis(150),
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn words() -> Arc<Mock> {
    Arc::new(Mock::new(["word "; 4]))
}

/// What comes back for these bytes until the server closes the connection.
pub(crate) async fn says(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut text = Vec::new();
    // A reset is a way to close it, too.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

pub(crate) fn request(more: &str, body: &str) -> String {
    format!(
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

/// Waits until nothing is worked on any more.
async fn settles(mock: &Mock) {
    let patience = Instant::now() + Duration::from_secs(20);
    while mock.running() > 0 {
        assert!(
            Instant::now() < patience,
            "{} requests are left",
            mock.running()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let address = start(words(), quick()).await;
    assert_eq!(says(address, b"").await, "");
    let half = says(address, b"POST /v1/completions HTTP/1.1\r\nhost: local").await;
    assert!(
        half.is_empty() || half.starts_with("HTTP/1.1 408"),
        "{half}"
    );
    // A connection that is kept alive is closed too when nothing follows.
    let idle = says(address, b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let address = start(words(), quick()).await;
    let whole = request("", r#"{"prompt": "x"}"#);
    let answer = says(address, &whole.as_bytes()[..whole.len() - 3]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn heads_that_are_too_large_or_ambiguous_are_refused() {
    let address = start(words(), quick()).await;
    let body = r#"{"prompt": "x"}"#;
    let long = request(&format!("x-long: {}\r\n", "x".repeat(64 << 10)), body);
    let answer = says(address, long.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    let answer = says(address, request(&many, body).as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let smuggled = request(
        "transfer-encoding: chunked\r\n",
        "0\r\n\r\nGET /secret HTTP/1.1\r\n\r\n",
    );
    let answer = says(address, smuggled.as_bytes()).await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    let http2 = says(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!http2.contains("HTTP/1.1 200"), "{http2}");
}

/// Row 58.
#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let address = start(words(), quick()).await;
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:9", 200),
        ("evil.example", 403),
    ] {
        let get = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = says(address, get.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{host}: {answer}"
        );
    }
}

/// Row 55: a client that reads nothing is cut off, and its work ends.
#[tokio::test]
async fn a_client_that_stops_reading_is_cut_off() {
    let long = vec!["many words ".repeat(2000); 100_000];
    let mock = Arc::new(Mock::new(long).with_delay(Duration::from_millis(1)));
    let address = start(mock.clone(), quick()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = request("", r#"{"prompt": "x", "stream": true}"#);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).await.unwrap();
    settles(&mock).await;
}

/// 200 clients that hang up leave no work behind, and the next is answered.
#[tokio::test]
async fn clients_that_hang_up_leave_no_work_behind() {
    let mock = Arc::new(Mock::new(vec!["word "; 100_000]).with_delay(Duration::from_millis(20)));
    let address = start(mock.clone(), Limits::default()).await;
    for stream in ["true", "false"] {
        let body = format!(r#"{{"prompt": "x", "stream": {stream}}}"#);
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client
                .write_all(request("", &body).as_bytes())
                .await
                .unwrap();
            clients.push(client);
        }
        let patience = Instant::now() + Duration::from_secs(20);
        while mock.running() < 100 {
            assert!(Instant::now() < patience, "only {} came", mock.running());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(clients);
        settles(&mock).await;
    }
    let next = request(
        "connection: close\r\n",
        r#"{"prompt": "x", "max_tokens": 2}"#,
    );
    assert!(says(address, next.as_bytes()).await.contains("word word "));
}
