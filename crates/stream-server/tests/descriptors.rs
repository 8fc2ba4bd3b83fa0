//! Row 53: a process without a descriptor for one more connection. It is the only test here: the
//! limit is that of the whole process.
#![cfg(unix)]

use std::sync::Arc;

use stream_core::Mock;
use stream_server::{Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn connections_wait_while_there_is_no_descriptor() {
    let backend = Arc::new(Mock::new(["Hello"]));
    let server = Server::bind("127.0.0.1:0", backend, ServerConfig::default());
    let server = server.await.unwrap();
    let address = server.address();
    let (_, hard) = rlimit::Resource::NOFILE.get().unwrap();
    rlimit::Resource::NOFILE.set(64, hard).unwrap();
    // Before the server accepts anything: its descriptors are all gone.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(address).await {
        clients.push(client);
    }
    assert!(clients.len() > 16);
    let running = tokio::spawn(server.run(std::future::pending()));
    tokio::task::yield_now().await;
    let mut last = clients.pop().unwrap();
    let request = "GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    last.write_all(request.as_bytes()).await.unwrap();
    drop(clients);
    let mut text = String::new();
    last.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(!running.is_finished());
}
