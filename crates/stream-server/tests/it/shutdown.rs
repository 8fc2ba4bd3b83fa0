//! Row 51: the end of a server.

use std::sync::Arc;
use std::time::Duration;

use stream_core::Backend;
use stream_server::{Limits, Server, ServerConfig};
use stream_testkit::{Act, Scripted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<stream_core::Drained>,
}

async fn start(backend: impl Backend, drain: Duration) -> Running {
    let limits = Limits {
        drain,
        ..Limits::default()
    };
    let config = ServerConfig::default().limits(limits);
    let server = Server::bind("127.0.0.1:0", Arc::new(backend), config)
        .await
        .unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    Running {
        address: server.address(),
        stop,
        ended: tokio::spawn(server.run(async {
            let _ = stopped.await;
        })),
    }
}

/// Sends a request and reads until there is something of the answer.
async fn ask(address: std::net::SocketAddr, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

const STREAMED: &str = r#"{"prompt":"x","stream":true}"#;

#[tokio::test]
async fn a_stream_that_ends_in_time_ends_well() {
    let script = [
        Act::say("one"),
        Act::Wait(Duration::from_millis(300)),
        Act::say("two"),
    ];
    let server = start(Scripted::new(script), Duration::from_secs(20)).await;
    let mut stream = ask(server.address, STREAMED).await;
    let mut first = [0];
    stream.read_exact(&mut first).await.unwrap();
    server.stop.send(()).unwrap();
    let text = read_all(stream).await;
    assert!(
        text.contains("\"two\"") && text.contains("data: [DONE]"),
        "{text}"
    );
    assert_eq!(server.ended.await.unwrap().finished, 1);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_stream_that_does_not_end_gets_an_error_event() {
    let server = start(
        Scripted::new([Act::say("one"), Act::Hang]),
        Duration::from_millis(200),
    )
    .await;
    let mut stream = ask(server.address, STREAMED).await;
    let mut first = [0];
    stream.read_exact(&mut first).await.unwrap();
    server.stop.send(()).unwrap();
    // Who comes meanwhile is told to come later.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let late = ask(server.address, STREAMED).await;
    let text = read_all(stream).await;
    assert!(
        text.contains("shut down") && text.contains("data: [DONE]"),
        "{text}"
    );
    let late = read_all(late).await;
    assert!(
        late.starts_with("HTTP/1.1 503") && late.contains("retry-after"),
        "{late}"
    );
    assert_eq!(server.ended.await.unwrap().aborted, 1);
}
