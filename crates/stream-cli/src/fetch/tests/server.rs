//! A stand-in for a package index and its files, on a port of this machine.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does with one address.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
    /// Whether a `Range` header is obeyed.
    pub(crate) ranges: bool,
    /// How many bytes of each of the next answers are sent before the connection is closed.
    pub(crate) cuts: Vec<usize>,
    /// The status of an answer that has no range.
    pub(crate) status: u16,
}

impl Page {
    pub(crate) fn new(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            body: body.into(),
            ranges: true,
            cuts: Vec::new(),
            status: 200,
        }
    }
}

struct State {
    pages: HashMap<String, Page>,
    requests: Vec<String>,
}

/// A server that runs until the test's process ends.
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            pages: HashMap::new(),
            requests: Vec::new(),
        }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || answer(connection, &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn set(&self, path: &str, page: Page) {
        let mut state = self.state.lock().unwrap();
        state.pages.insert(path.to_owned(), page);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Every request until now: its path, and its range if it had one.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

/// A reader may close the connection early, so that a failed write is no failure.
fn answer(connection: TcpStream, state: &Mutex<State>) {
    let Some((path, range)) = read_request(&connection) else {
        return;
    };
    let (page, cut) = {
        let mut state = state.lock().unwrap();
        state.requests.push(match range {
            Some(start) => format!("{path} from {start}"),
            None => path.clone(),
        });
        let page = state.pages.get_mut(&path);
        let cut = page.and_then(|page| (!page.cuts.is_empty()).then(|| page.cuts.remove(0)));
        (state.pages.get(&path).cloned(), cut)
    };
    let _ = send(connection, page.as_ref(), range, cut);
}

/// The path of a request, and where its range begins.
fn read_request(connection: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let header: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let range = header.iter().find_map(|line| {
        let line = line.to_ascii_lowercase();
        let range = line.strip_prefix("range: bytes=")?.trim_end_matches('-');
        range.parse().ok()
    });
    Some((path, range))
}

fn send(
    mut connection: TcpStream,
    page: Option<&Page>,
    range: Option<usize>,
    cut: Option<usize>,
) -> std::io::Result<()> {
    let Some(page) = page else {
        return write!(
            connection,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
        );
    };
    let total = page.body.len();
    let (status, start, extra) = match range.filter(|_| page.ranges) {
        Some(start) if start >= total => {
            (416, total, format!("content-range: bytes */{total}\r\n"))
        }
        Some(start) => {
            let end = total - 1;
            (
                206,
                start,
                format!("content-range: bytes {start}-{end}/{total}\r\n"),
            )
        }
        None => (page.status, 0, String::new()),
    };
    let body = &page.body[start..];
    write!(
        connection,
        "HTTP/1.1 {status} X\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n{extra}\r\n",
        page.kind,
        body.len()
    )?;
    connection.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])
}
