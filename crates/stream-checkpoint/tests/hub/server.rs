//! A stand-in for the Hugging Face hub and for the host that it sends readers of large files to,
//! each on a port of this machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) const REPO: &str = "org/model";
pub(crate) const COMMIT: &str = "1111111111111111111111111111111111111111";
pub(crate) const TAGGED: &str = "2222222222222222222222222222222222222222";

/// A file of the repository, and what goes wrong with it.
#[derive(Clone, Default)]
pub(crate) struct Served {
    pub(crate) body: Vec<u8>,
    /// Whether its content is on the other host, as that of large files is.
    pub(crate) large: bool,
    /// The entity tag, if it is not that of the content.
    pub(crate) etag: Option<String>,
    /// The length that the hub tells, if it is not that of the content.
    pub(crate) length: Option<usize>,
    /// How many bytes of each of the next answers are sent before the connection is closed.
    pub(crate) cuts: Vec<usize>,
    /// The status of an answer to a request for the content.
    pub(crate) status: Option<u16>,
}

/// What the repository answers instead of its files: a status and a code.
pub(crate) type Refusal = (u16, &'static str);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Served>,
    refusal: Option<Refusal>,
    requests: Vec<Asked>,
    storage: String,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<usize>,
    pub(crate) authorization: Option<String>,
    /// Whether the other host was asked.
    pub(crate) elsewhere: bool,
}

/// A server that runs until the test's process ends.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let endpoint = listen(&state, false);
        let storage = listen(&state, true);
        state.lock().unwrap().storage = storage;
        Self { endpoint, state }
    }

    /// A hub with these small files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let hub = Self::start();
        for (name, body) in files {
            hub.put(name, body.as_bytes());
        }
        hub
    }

    pub(crate) fn put(&self, name: &str, body: &[u8]) {
        self.serve(
            name,
            Served {
                body: body.to_vec(),
                ..Served::default()
            },
        );
    }

    pub(crate) fn serve(&self, name: &str, file: Served) {
        let mut state = self.state.lock().unwrap();
        state.files.insert(name.to_owned(), file);
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.state.lock().unwrap().refusal = Some(refusal);
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

/// The entity tag that the hub gives to content.
pub(crate) fn etag(body: &[u8], large: bool) -> String {
    let hash = match large {
        true => Sha256::digest(body).to_vec(),
        false => Sha1::new_with_prefix(format!("blob {}\0", body.len()))
            .chain_update(body)
            .finalize()
            .to_vec(),
    };
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn listen(state: &Arc<Mutex<State>>, elsewhere: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let state = state.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let state = state.clone();
            std::thread::spawn(move || {
                // A reader may close the connection early.
                let _ = answer(connection, &state, elsewhere);
            });
        }
    });
    address
}

fn answer(mut to: TcpStream, state: &Mutex<State>, elsewhere: bool) -> std::io::Result<()> {
    let Some(asked) = read_request(&to, elsewhere) else {
        return Ok(());
    };
    let mut state = state.lock().unwrap();
    state.requests.push(asked.clone());
    let reply = match elsewhere {
        true => stored(&mut state, &asked),
        false => of_hub(&mut state, &asked),
    };
    drop(state);
    to.write_all(reply.head.as_bytes())?;
    match asked.method.as_str() {
        "HEAD" => Ok(()),
        _ => to.write_all(&reply.body[..reply.sent.min(reply.body.len())]),
    }
}

fn read_request(connection: &TcpStream, elsewhere: bool) -> Option<Asked> {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let header: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let value = |name: &str| {
        let of = |line: &String| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        };
        header.iter().find_map(of)
    };
    let start = |range: String| {
        let range = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        range.parse().ok()
    };
    Some(Asked {
        method,
        path,
        range: value("range").and_then(start),
        authorization: value("authorization"),
        elsewhere,
    })
}

struct Reply {
    head: String,
    body: Vec<u8>,
    sent: usize,
}

impl Reply {
    fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
        Self {
            head,
            body: body.to_vec(),
            sent: usize::MAX,
        }
    }
}

/// The hub's own host: descriptions, small files, and redirections to large ones.
fn of_hub(state: &mut State, asked: &Asked) -> Reply {
    if let Some((status, code)) = state.refusal {
        return Reply::new(status, &[("x-error-code", code)], b"no");
    }
    if let Some(moved) = asked.path.strip_prefix("/api/models/old/name/") {
        let to = format!("/api/models/{REPO}/{moved}");
        return Reply::new(307, &[("location", &to)], b"");
    }
    if let Some(revision) = asked
        .path
        .strip_prefix(&format!("/api/models/{REPO}/revision/"))
    {
        return description(state, revision);
    }
    for commit in [COMMIT, TAGGED] {
        let folders = [REPO, "old/name"].map(|repo| format!("/{repo}/resolve/{commit}/"));
        let file = folders
            .iter()
            .find_map(|folder| asked.path.strip_prefix(folder));
        if let Some(file) = file {
            let file = file.replace("%20", " ");
            return resolved(state, asked, commit, &file);
        }
    }
    match asked.path.starts_with(&format!("/{REPO}/")) {
        true => Reply::new(404, &[("x-error-code", "RevisionNotFound")], b""),
        false => Reply::new(404, &[("x-error-code", "RepoNotFound")], b""),
    }
}

fn description(state: &State, revision: &str) -> Reply {
    let commit = match revision {
        "main" | COMMIT => COMMIT,
        "v1" | TAGGED => TAGGED,
        _ => return Reply::new(404, &[("x-error-code", "RevisionNotFound")], b""),
    };
    let names = state.files.keys();
    let siblings: Vec<_> = names
        .map(|name| serde_json::json!({ "rfilename": name }))
        .collect();
    let body =
        serde_json::json!({ "id": REPO, "sha": commit, "siblings": siblings, "private": false });
    let kind = [("content-type", "application/json")];
    Reply::new(200, &kind, body.to_string().as_bytes())
}

fn resolved(state: &mut State, asked: &Asked, commit: &str, name: &str) -> Reply {
    let storage = state.storage.clone();
    let Some(file) = state.files.get_mut(name) else {
        return Reply::new(404, &[("x-error-code", "EntryNotFound")], b"");
    };
    let tag = file
        .etag
        .clone()
        .unwrap_or_else(|| etag(&file.body, file.large));
    let tag = format!("\"{tag}\"");
    let length = file.length.unwrap_or(file.body.len()).to_string();
    if file.large {
        let location = format!("{storage}/{}", name.replace(' ', "%20"));
        let headers = [
            ("location", location.as_str()),
            ("x-repo-commit", commit),
            ("x-linked-etag", &tag),
            ("x-linked-size", &length),
            ("etag", "\"of-the-pointer\""),
        ];
        return Reply::new(302, &headers, b"Found. Redirecting");
    }
    let headers = [
        ("etag", tag.as_str()),
        ("x-repo-commit", commit),
        ("x-linked-size", &length),
    ];
    let headers = if file.length.is_some() {
        &headers[..]
    } else {
        &headers[..2]
    };
    content(file, asked, headers)
}

/// The other host, which knows content by its path.
fn stored(state: &mut State, asked: &Asked) -> Reply {
    let name = asked.path.trim_start_matches('/').replace("%20", " ");
    match state.files.get_mut(&name) {
        Some(file) => content(file, asked, &[("etag", "\"of-the-storage\"")]),
        None => Reply::new(404, &[], b""),
    }
}

fn content(file: &mut Served, asked: &Asked, headers: &[(&str, &str)]) -> Reply {
    let is_get = asked.method == "GET";
    if let Some(status) = file.status.filter(|_| is_get) {
        return Reply::new(status, headers, b"<html>try later</html>");
    }
    let total = file.body.len();
    let mut reply = match asked.range {
        Some(start) if start < total => {
            let range = format!("bytes {start}-{}/{total}", total - 1);
            let headers = [headers, &[("content-range", range.as_str())]].concat();
            Reply::new(206, &headers, &file.body[start..])
        }
        Some(_) => Reply::new(416, headers, b""),
        None => Reply::new(200, headers, &file.body),
    };
    if is_get && !file.cuts.is_empty() {
        reply.sent = file.cuts.remove(0);
    }
    reply
}
