//! Our own server in a process of its own, around a model that costs nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use stream_benches::argument;
use stream_benches::free::{FreeModel, Words, paced};
use stream_core::{Backend, Tokenizer};
use stream_server::{Limits, Server as HttpServer, ServerConfig};
use tokio::runtime::Runtime;

use crate::{Result, Server};

/// How this program calls itself to be the server of so many streams.
pub(crate) const SERVE: &str = "--serve";
/// Positions of a stream: the prompt's and the answer's.
const CONTEXT: usize = 4096;
const PACE: &str = "20";

/// Ended when it is dropped.
pub(crate) struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// Starts it, and waits until it listens.
pub(crate) fn start(streams: &str) -> Result<Server> {
    let pace = argument("--pace-ms").unwrap_or(PACE.to_owned());
    let mut child = Command::new(std::env::current_exe()?)
        .args([SERVE, streams, "--pace-ms", &pace])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut url = String::new();
    let output = child.stdout.take().ok_or("the server has no output")?;
    let (process, child) = (child.id(), Child(child));
    BufReader::new(output).read_line(&mut url)?;
    Ok(Server {
        name: format!("ours, {pace} ms a step"),
        url: url.trim().to_owned(),
        process,
        _child: Some(child),
    })
}

/// Is the server, until it is ended.
pub(crate) fn serve(streams: usize) -> Result<()> {
    let pace = argument("--pace-ms").unwrap_or(PACE.to_owned()).parse()?;
    let words: Arc<dyn Tokenizer> = Arc::new(Words::default());
    let before = paced(Duration::from_millis(pace));
    let model = FreeModel::new(streams, CONTEXT, words.vocabulary_size(), before);
    let engine: Arc<dyn Backend> = Arc::new(model.start(words)?);
    Runtime::new()?.block_on(async {
        let limits = Limits {
            connections: streams + 8,
            requests: streams + 8,
            ..Limits::default()
        };
        let config = ServerConfig::default().limits(limits);
        let server = HttpServer::bind("127.0.0.1:0", engine, config).await?;
        println!("http://{}", server.address());
        server.run(std::future::pending()).await;
        Ok(())
    })
}
