//! Downloads that break off, and go on.

use std::fs;

use crate::lab::Lab;
use crate::server::{Served, etag};

const FILE: &str = "m.gguf";
const REFERENCE: &str = "hf:org/model/m.gguf";

fn body() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn lab(change: impl FnOnce(&mut Served)) -> Lab {
    let lab = Lab::with(&[]);
    let mut file = Served {
        body: body(),
        large: true,
        ..Served::default()
    };
    change(&mut file);
    lab.hub.serve(FILE, file);
    lab
}

fn part(lab: &Lab) -> std::path::PathBuf {
    let tag = etag(&body(), true);
    lab.repo().join("blobs").join(format!("{tag}.incomplete"))
}

/// Where each request for the content on the other host began.
fn starts(lab: &Lab) -> Vec<Option<usize>> {
    let asked = lab.hub.requests().into_iter();
    asked
        .filter(|asked| asked.elsewhere)
        .map(|asked| asked.range)
        .collect()
}

#[test]
fn a_connection_that_breaks_goes_on_where_it_broke() {
    let lab = lab(|file| file.cuts = vec![100_000, 250_000]);
    let path = lab.locate(REFERENCE).unwrap();
    assert_eq!(fs::read(path).unwrap(), body());
    assert_eq!(starts(&lab), [None, Some(100_000), Some(350_000)]);
    assert!(!part(&lab).exists());
}

#[test]
fn a_download_that_was_given_up_goes_on_with_the_next_call() {
    let lab = lab(|file| file.cuts = vec![100_000, 0, 0, 0, 0]);
    let error = lab.locate(REFERENCE).unwrap_err().to_string();
    assert!(error.contains("100000 of 1200000 bytes"), "{error}");
    assert_eq!(part(&lab).metadata().unwrap().len(), 100_000);
    assert_eq!(lab.blobs().len(), 1);
    assert!(!lab.snapshot().join(FILE).exists());
    lab.hub.requests();
    assert_eq!(fs::read(lab.locate(REFERENCE).unwrap()).unwrap(), body());
    assert_eq!(starts(&lab), [Some(100_000)]);
}

#[test]
fn the_rest_of_something_else_is_replaced() {
    for left in [
        vec![9; 1_000],
        vec![9; body().len()],
        vec![9; body().len() + 1],
    ] {
        let lab = lab(|_| ());
        fs::create_dir_all(lab.repo().join("blobs")).unwrap();
        fs::write(part(&lab), &left).unwrap();
        assert_eq!(fs::read(lab.locate(REFERENCE).unwrap()).unwrap(), body());
        assert_eq!(lab.blobs(), [etag(&body(), true)]);
    }
}

#[test]
fn a_download_that_was_whole_but_not_renamed_is_only_checked() {
    let lab = lab(|_| ());
    fs::create_dir_all(lab.repo().join("blobs")).unwrap();
    fs::write(part(&lab), body()).unwrap();
    lab.locate(REFERENCE).unwrap();
    assert_eq!(starts(&lab), []);
}

#[test]
fn the_wrong_length_or_content_is_an_error_and_leaves_nothing() {
    let longer = lab(|file| file.length = Some(body().len() + 4));
    let shorter = lab(|file| file.length = Some(body().len() - 4));
    let changed = lab(|file| file.etag = Some("a".repeat(64)));
    let small = lab(|file| {
        file.large = false;
        file.etag = Some("b".repeat(40));
    });
    for (lab, words) in [
        (longer, ["1200000 bytes", "1200004 bytes"]),
        (shorter, ["1200000 bytes", "1199996 bytes"]),
        (changed, ["hash", "aaaa"]),
        (small, ["hash", "bbbb"]),
    ] {
        let error = lab.locate(REFERENCE).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(lab.blobs(), Vec::<String>::new(), "{error}");
        assert!(!lab.snapshot().join(FILE).exists());
    }
}

#[test]
fn a_page_that_says_try_later_is_not_taken_for_the_file() {
    let lab = lab(|file| file.status = Some(503));
    let error = lab.locate(REFERENCE).unwrap_err().to_string();
    assert!(error.contains("HTTP status 503"), "{error}");
    assert_eq!(lab.blobs(), Vec::<String>::new());
    assert_eq!(starts(&lab).len(), 4);
}

#[test]
fn what_two_want_at_once_is_fetched_once() {
    let lab = lab(|_| ());
    std::thread::scope(|scope| {
        let fetching = [(); 4].map(|()| scope.spawn(|| lab.locate(REFERENCE).unwrap()));
        for path in fetching.map(|thread| thread.join().unwrap()) {
            assert_eq!(fs::read(path).unwrap(), body());
        }
    });
    assert_eq!(starts(&lab), [None]);
    assert_eq!(lab.blobs(), [etag(&body(), true)]);
}
