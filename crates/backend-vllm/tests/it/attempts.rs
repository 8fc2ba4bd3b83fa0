//! Rows 66 and 67: when a request is sent again, and where.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use backend_vllm::{ConnectError, Timeouts, Vllm, VllmConfig};
use futures::executor::block_on;
use stream_core::{Backend, Error, Health, Rejection};

use crate::misbehaving::{
    DONE, Misbehaving, Part, STOP, ask, events, good, head, json, says, start, whole,
};

/// An address that nobody listens at.
fn nobody() -> url::Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap()
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let error = Vllm::connect(VllmConfig::new(nobody())).unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    let plain = Misbehaving::new([good()]);
    let tls = format!("https://{}", plain.address).parse().unwrap();
    let error = Vllm::connect(VllmConfig::new(tls)).unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
}

/// A name that no server of names knows (RFC 2606).
#[test]
fn a_host_that_does_not_exist_is_told_and_passed_over() {
    let nowhere: url::Url = "http://host.invalid:8000".parse().unwrap();
    let error = Vllm::connect(VllmConfig::new(nowhere.clone())).unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    let server = Misbehaving::new([good()]);
    let backend = Vllm::connect(server.config().url(nowhere)).unwrap();
    for _ in 0..4 {
        assert_eq!(ask(&backend).unwrap().text, "Hello, world");
    }
    assert_eq!(server.posts(), 4);
}

#[test]
fn another_server_takes_over_from_one_that_is_gone() {
    let server = Misbehaving::new([good()]);
    let backend = Vllm::connect(server.config().url(nobody())).unwrap();
    for _ in 0..8 {
        assert_eq!(ask(&backend).unwrap().text, "Hello, world");
    }
    assert_eq!(server.posts(), 8);
}

#[test]
fn requests_are_spread_over_all_servers() {
    let speaking = || vec![head(), Part::Bytes(says("a").into_bytes()), Part::Hold];
    let (one, two) = (
        Misbehaving::new([speaking()]),
        Misbehaving::new([speaking()]),
    );
    let second = format!("http://{}", two.address).parse().unwrap();
    let backend = Vllm::connect(one.config().url(second)).unwrap();
    let streams: Vec<_> = (0..10).map(|_| start(&backend)).collect();
    let end = Instant::now() + Duration::from_secs(20);
    while one.posts() + two.posts() < 10 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(streams);
    assert!(
        one.posts().abs_diff(two.posts()) <= 2,
        "{} {}",
        one.posts(),
        two.posts()
    );
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    for status in ["429 Too Many", "503 Unavailable"] {
        let busy = whole(status, "application/json", "retry-after: 0.2\r\n", "{}");
        let server = Misbehaving::new([busy.clone(), busy, good()]);
        let began = Instant::now();
        assert_eq!(ask(&server.backend()).unwrap().text, "Hello, world");
        assert_eq!(server.posts(), 3);
        assert!(began.elapsed() >= Duration::from_millis(400));
    }
}

#[test]
fn attempts_come_to_an_end() {
    let busy = whole(
        "503 Unavailable",
        "application/json",
        "",
        r#"{"error":{"message":"full"}}"#,
    );
    let server = Misbehaving::new([busy]);
    let Err(Error::Rejected(reason)) = ask(&server.backend()) else {
        panic!("it was not refused");
    };
    assert!(matches!(&*reason, Rejection::Busy { message, .. } if &**message == "full"));
    assert_eq!(server.posts(), 3);
    // What it asks for is longer than anyone waits.
    let later = whole(
        "503 Unavailable",
        "application/json",
        "retry-after: 50\r\n",
        "{}",
    );
    let server = Misbehaving::new([later]);
    assert!(ask(&server.backend()).is_err());
    assert_eq!(server.posts(), 1);
}

#[test]
fn what_no_second_attempt_can_mend_is_not_tried_again() {
    let error = r#"{"error":{"message":"no such thing","param":"top_k"}}"#;
    for status in [
        "400 Bad",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "422 Unprocessable",
        "500 Oops",
    ] {
        let server = Misbehaving::new([json(status, error)]);
        let found = ask(&server.backend()).unwrap_err();
        assert!(found.to_string().contains("no such thing"), "{found}");
        assert_eq!(server.posts(), 1, "{status}");
    }
    let told = whole(
        "503 Unavailable",
        "application/json",
        "x-should-retry: false\r\n",
        "{}",
    );
    let server = Misbehaving::new([told]);
    assert!(ask(&server.backend()).is_err());
    assert_eq!(server.posts(), 1);
}

#[test]
fn a_connection_that_fails_before_the_first_token_is_tried_again() {
    let server = Misbehaving::new([vec![], good()]);
    assert_eq!(ask(&server.backend()).unwrap().text, "Hello, world");
    assert_eq!(server.posts(), 2);
}

#[test]
fn after_the_first_token_there_is_no_second_attempt() {
    let server = Misbehaving::new([events(&[&says("Hello")]), good()]);
    let found = ask(&server.backend());
    assert!(matches!(found, Err(Error::Truncated(_))), "{found:?}");
    assert_eq!(server.posts(), 1);
}

#[test]
fn health_follows_the_servers() {
    let server = Misbehaving::new([events(&[&says("a"), STOP, DONE])]);
    let quick = Timeouts {
        health: Duration::from_millis(20),
        ..Timeouts::default()
    };
    let backend = Vllm::connect(server.config().timeouts(quick)).unwrap();
    assert_eq!(block_on(backend.health()), Health::Ready);
    block_on(backend.drain(Instant::now()));
    assert_eq!(block_on(backend.health()), Health::Draining);
}
