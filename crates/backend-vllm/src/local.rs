//! A server that is started here, and ends with its handle.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::error::ConnectError;

/// Lines of the log that are kept to tell why it failed.
const KEPT: usize = 40;
/// How often it is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(250);
/// How long it gets to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// What is run: `vllm serve` with a model, or any other command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCommand {
    command: Vec<String>,
    patience: Duration,
}

impl LocalCommand {
    /// `vllm serve MODEL`, on a free port of the loopback address.
    pub fn vllm(model: &str) -> Self {
        let command = [
            "vllm",
            "serve",
            model,
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
        ];
        Self::new(command)
    }

    /// Any command; `{port}` in its arguments becomes the port that it must serve at, on
    /// 127.0.0.1.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            patience: Duration::from_secs(600),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.command.push(argument.into());
        self
    }

    /// How long it may take until it is ready; ten minutes, if this is not called.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts it and waits until it is ready. Each line of its log goes to `progress`.
    ///
    /// # Errors
    /// [`ConnectError::Local`] with the end of its log, if it ends before or takes too long.
    pub fn start(
        &self,
        progress: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<LocalServer, ConnectError> {
        let failed = |problem: String| ConnectError::Local {
            command: self.command.join(" "),
            problem,
        };
        let port = free_port().map_err(|e| failed(format!("no port is free: {e}")))?;
        let mut child = self.spawn(port).map_err(|e| failed(e.to_string()))?;
        let log = Log::default();
        let progress = Arc::new(progress);
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|out| Box::new(out) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let (log, progress) = (log.clone(), progress.clone());
            std::thread::spawn(move || log.follow(output, &*progress));
        }
        let url = Url::parse(&format!("http://127.0.0.1:{port}"));
        let url = url.map_err(|e| failed(e.to_string()))?;
        let mut server = LocalServer { child, url, port };
        match server.wait(self.patience) {
            Ok(()) => Ok(server),
            Err(why) => {
                drop(server);
                Err(failed(format!("{why}; its log ends with:\n{}", log.end())))
            }
        }
    }

    fn spawn(&self, port: u16) -> std::io::Result<Child> {
        let arguments = self
            .command
            .iter()
            .map(|a| a.replace("{port}", &port.to_string()));
        let mut arguments = arguments.collect::<Vec<_>>().into_iter();
        let mut command = Command::new(arguments.next().unwrap_or_default());
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        group::own(&mut command);
        command.spawn()
    }
}

/// A server that runs here. Dropping it ends it: it is asked to, and killed after ten seconds.
#[derive(Debug)]
pub struct LocalServer {
    child: Child,
    url: Url,
    port: u16,
}

impl LocalServer {
    /// Where it serves.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Waits until it says that it is well.
    fn wait(&mut self, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(told(status));
            }
            if is_ready(self.port) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("it was not ready within {patience:?}"));
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        group::ask_to_end(&self.child);
        let end = Instant::now() + GRACE;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return group::kill(&mut self.child);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        group::kill(&mut self.child);
    }
}

fn told(status: ExitStatus) -> String {
    format!("it has ended ({status})")
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether `GET /health` is answered with 200. A few lines of HTTP need no client.
fn is_ready(port: u16) -> bool {
    use std::io::Write;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, LOOK) else {
        return false;
    };
    let limit = Some(Duration::from_secs(5));
    let set = stream
        .set_read_timeout(limit)
        .and(stream.set_write_timeout(limit));
    let ask = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let mut head = [0; 12];
    let answered = set.and_then(|()| stream.write_all(ask));
    let answered = answered.and_then(|()| stream.read_exact(&mut head));
    answered.is_ok() && head.ends_with(b" 200")
}

/// The end of a log.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn follow(&self, output: impl Read, progress: &dyn Fn(&str)) {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            progress(&line);
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    fn end(&self) -> String {
        // What was written last may still be on its way from the pipe.
        std::thread::sleep(Duration::from_millis(100));
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A server has processes of its own, which must end with it.
#[cfg(unix)]
mod group {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;

    pub(super) fn own(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn ask_to_end(child: &Child) {
        signal(child, Signal::SIGTERM);
    }

    pub(super) fn kill(child: &mut Child) {
        signal(child, Signal::SIGKILL);
        let _ = child.wait();
    }

    fn signal(child: &Child, signal: Signal) {
        if let Ok(id) = i32::try_from(child.id()) {
            // It may have ended already.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

#[cfg(not(unix))]
mod group {
    use std::process::{Child, Command};

    pub(super) fn own(_: &mut Command) {}

    pub(super) fn ask_to_end(_: &Child) {}

    pub(super) fn kill(child: &mut Child) {
        let _ = child.kill();
        let _ = child.wait();
    }
}
