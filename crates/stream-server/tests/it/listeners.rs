//! Row 64: where a server listens. Row 63: handlers that panic.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::http::StatusCode;
use serde_json::json;
use stream_core::{Backend, BackendInfo, Drained, Health, Mock, Rejected, Request, TokenSink};
use stream_server::{ServeError, Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{complete, get, serve};

fn mock() -> Arc<Mock> {
    Arc::new(Mock::new(["Hello"]))
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

async fn healthy(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    stream.write_all(HEALTH).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn the_port_that_it_got_is_told_and_cannot_be_had_twice() {
    let server = Server::bind("127.0.0.1:0", mock(), ServerConfig::default());
    let server = server.await.unwrap();
    let address = server.address();
    assert_ne!(address.port(), 0);
    let second = Server::bind(address, mock(), ServerConfig::default()).await;
    let error = second.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    tokio::spawn(server.run(std::future::pending()));
    healthy(TcpStream::connect(address).await.unwrap()).await;
}

#[tokio::test]
async fn ipv6_is_loopback_too() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let server = Server::bind("[::1]:0", mock(), ServerConfig::default());
    let server = server.await.unwrap();
    let address = server.address();
    assert!(address.to_string().starts_with("[::1]:"), "{address}");
    tokio::spawn(server.run(std::future::pending()));
    healthy(TcpStream::connect(address).await.unwrap()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_is_taken_over_only_from_one_that_is_gone() {
    use tokio::net::UnixStream;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let bind = || Server::bind_unix(&path, mock(), ServerConfig::default());
    // As a server that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = bind().await.unwrap();
    let taken = bind().await.unwrap_err();
    assert!(taken.to_string().contains(&path.display().to_string()));
    let running = tokio::spawn(server.run(std::future::pending()));
    healthy(UnixStream::connect(&path).await.unwrap()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(!path.exists());
    // What is not a socket is nobody's to remove.
    std::fs::write(&path, "mine").unwrap();
    bind().await.unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

/// Panics wherever a handler asks it.
struct Broken(Mock);

#[async_trait]
impl Backend for Broken {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        match request.max_tokens() {
            Some(1) => panic!("secret words"),
            _ => self.0.submit(request, sink),
        }
    }

    async fn health(&self) -> Health {
        panic!("secret words")
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.0.drain(deadline).await
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_own_request_alone() {
    let router = serve(Broken(Mock::new(["Hello"])));
    let on_a_thread = complete(&router, json!({"max_tokens": 1})).await;
    for answer in [on_a_thread, get(&router, "/health").await] {
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.error(), "an internal error");
        assert_eq!(answer.json()["error"]["type"], "server_error");
    }
    let next = complete(&router, json!({})).await;
    assert_eq!(next.json()["choices"][0]["text"], "Hello");
}
