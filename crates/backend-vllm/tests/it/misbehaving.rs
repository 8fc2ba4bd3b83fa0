//! A small server that answers as it is told, whatever that is.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backend_vllm::{Timeouts, Vllm, VllmConfig};
use stream_core::{BackendExt, Completion, Error, Request, TokenStream};

/// A part of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Bytes(Vec<u8>),
    /// One byte after the other, each in a packet of its own.
    Trickle(Vec<u8>),
    /// Says nothing more until the client goes away.
    Hold,
}

/// A server with an answer for each `POST`, in their order; the last one is repeated.
pub(crate) struct Misbehaving {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answers: Mutex<VecDeque<Vec<Part>>>,
    posts: AtomicUsize,
    open: AtomicUsize,
    bodies: Mutex<Vec<String>>,
}

impl Misbehaving {
    pub(crate) fn new(answers: impl IntoIterator<Item = Vec<Part>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.into_iter().collect()),
            posts: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            bodies: Mutex::default(),
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// How many requests for an answer came.
    pub(crate) fn posts(&self) -> usize {
        self.shared.posts.load(Ordering::SeqCst)
    }

    /// The body of the last one.
    pub(crate) fn last_body(&self) -> serde_json::Value {
        let bodies = self.shared.bodies.lock().unwrap();
        serde_json::from_str(bodies.last().unwrap()).unwrap()
    }

    /// Waits until no answer is being given.
    pub(crate) fn settles(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < end, "a connection was not closed");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn config(&self) -> VllmConfig {
        let timeouts = Timeouts {
            connect: Duration::from_secs(2),
            idle: Duration::from_millis(300),
            ..Timeouts::default()
        };
        let url = format!("http://{}/v1", self.address).parse().unwrap();
        VllmConfig::new(url).timeouts(timeouts)
    }

    /// A backend over it.
    pub(crate) fn backend(&self) -> Vllm {
        Vllm::connect(self.config()).unwrap()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let Some((line, body)) = request(&mut reader) else {
            return;
        };
        if line.starts_with("GET /v1/models") {
            let models = r#"{"data": [{"id": "m", "max_model_len": 100}]}"#;
            return play(stream, &json("200 OK", models));
        }
        if line.starts_with("GET /health") {
            return play(stream, &json("200 OK", "{}"));
        }
        if !line.starts_with("POST") {
            return play(stream, &json("404 Not Found", "{}"));
        }
        self.posts.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        self.bodies.lock().unwrap().push(body);
        let parts = {
            let mut answers = self.answers.lock().unwrap();
            match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().unwrap(),
            }
        };
        play(stream, &parts);
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The first line of a request, and its body.
fn request(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, String::from_utf8(body).ok()?))
}

fn play(mut stream: TcpStream, parts: &[Part]) {
    stream.set_nodelay(true).unwrap();
    for part in parts {
        let sent = match part {
            Part::Bytes(bytes) => stream.write_all(bytes),
            Part::Trickle(bytes) => bytes.iter().try_for_each(|b| stream.write_all(&[*b])),
            Part::Hold => {
                let _ = stream.read(&mut [0]);
                Ok(())
            }
        };
        // A client may go away; so does this connection then.
        if sent.is_err() {
            return;
        }
    }
}

/// An answer in one piece.
pub(crate) fn json(status: &str, body: &str) -> Vec<Part> {
    whole(status, "application/json", "", body)
}

pub(crate) fn whole(status: &str, kind: &str, more: &str, body: &str) -> Vec<Part> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         connection: close\r\n{more}\r\n{body}"
    );
    vec![Part::Bytes(head.into_bytes())]
}

/// The head of a stream of events, whose end is the end of the connection.
pub(crate) fn head() -> Part {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                connection: close\r\n\r\n";
    Part::Bytes(head.into())
}

/// An event with text.
pub(crate) fn says(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!("data: {{\"id\":\"1\",\"choices\":[{{\"index\":0,\"text\":{text}}}]}}\n\n")
}

/// The event that ends an answer.
pub(crate) const STOP: &str =
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// A stream of these events.
pub(crate) fn events(events: &[&str]) -> Vec<Part> {
    vec![head(), Part::Bytes(events.concat().into_bytes())]
}

/// A good answer.
pub(crate) fn good() -> Vec<Part> {
    events(&[&says("Hello"), &says(", world"), STOP, DONE])
}

pub(crate) fn start(backend: &Vllm) -> TokenStream {
    backend
        .generate(Request::raw("Hi").build().unwrap())
        .unwrap()
}

/// Asks, and reads to the end.
pub(crate) fn ask(backend: &Vllm) -> Result<Completion, Error> {
    futures::executor::block_on(start(backend).collect())
}
