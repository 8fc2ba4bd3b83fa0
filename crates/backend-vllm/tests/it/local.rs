//! Servers that are started here.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend_vllm::{ConnectError, LocalCommand};

#[test]
fn a_server_that_fails_shows_the_end_of_its_log() {
    let script = "echo loading; echo 'the model is not there' >&2; exit 3";
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    let started = LocalCommand::new(["sh", "-c", script]).start(move |line| {
        seen.lock().unwrap().push(line.to_owned());
    });
    let error = started.unwrap_err();
    let ConnectError::Local { command, problem } = &error else {
        panic!("{error}");
    };
    assert!(command.starts_with("sh -c"), "{command}");
    assert!(problem.contains("exit status: 3"), "{problem}");
    assert!(problem.contains("the model is not there"), "{problem}");
    assert!(lines.lock().unwrap().iter().any(|line| line == "loading"));
}

#[test]
fn a_command_that_is_not_there_is_told() {
    let error = LocalCommand::new(["no-such-program"])
        .start(|_| {})
        .unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");
}

#[test]
fn one_that_is_never_ready_is_given_up_and_ended() {
    let slow = LocalCommand::new(["sleep", "600"]).patience(Duration::from_millis(300));
    let error = slow.start(|_| {}).unwrap_err();
    assert!(error.to_string().contains("was not ready"), "{error}");
}

#[test]
fn a_server_is_waited_for_and_ends_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("health"), "").unwrap();
    let folder = folder.path().to_str().unwrap();
    let python = [
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--directory",
        folder,
        "{port}",
    ];
    let server = LocalCommand::new(python).start(|_| {}).unwrap();
    let address = format!("127.0.0.1:{}", server.url().port().unwrap());
    assert!(TcpStream::connect(&address).is_ok());
    drop(server);
    assert!(TcpStream::connect(&address).is_err());
}
