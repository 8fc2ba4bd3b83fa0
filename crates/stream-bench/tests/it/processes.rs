//! Contenders in processes of their own.

use std::process::Command;

use stream_bench::protocol::{Ask, Input, Round};
use stream_bench::{Contender, ContenderError, Process};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-contender"));
    command.args(arguments);
    command
}

fn refused(arguments: &[&str]) -> ContenderError {
    let started = Process::start(&mut program(arguments));
    started.err().expect("it does not start")
}

fn round(requests: usize) -> Round {
    let ask = Ask {
        arrival_s: 0.0,
        prompt: Input::Tokens(vec![1, 2, 3]),
        max_tokens: 5,
    };
    Round {
        concurrency: Some(2),
        timeout_s: 60.0,
        requests: vec![ask; requests],
    }
}

#[test]
fn a_process_answers_round_after_round() {
    let mut process = Process::start(&mut program(&["1"])).unwrap();
    assert_eq!(process.ready().backend, "mock");
    assert_eq!(process.ready().version.as_deref(), Some("1.0"));
    for requests in [3, 1] {
        let mut ended = 0;
        let outcome = process.run(&round(requests), &mut |n| ended = n).unwrap();
        assert_eq!((outcome.requests.len(), ended), (requests, requests));
        for record in outcome.requests {
            assert_eq!((record.tokens_s.len(), record.prompt_tokens), (5, 16));
        }
    }
    if cfg!(target_os = "linux") {
        assert!(process.peak_memory().unwrap() > 1 << 16);
    }
}

#[test]
fn a_process_that_cannot_take_part_says_why() {
    assert_eq!(refused(&["0", "broken"]).to_string(), "it has no model");
}

#[test]
fn a_process_that_says_nothing_has_ended() {
    let error = refused(&["0", "silent"]).to_string();
    assert!(
        error.starts_with("it ended (exit status: 0) before"),
        "{error}"
    );
}

#[test]
fn a_process_that_speaks_something_else_is_quoted() {
    let error = refused(&["0", "chatty"]).to_string();
    assert!(
        error.starts_with("it wrote `hello`, which is no answer"),
        "{error}"
    );
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let started = Process::start(&mut Command::new("no-such-program"));
    let error = started.err().unwrap().to_string();
    assert!(
        error.contains("`no-such-program` cannot be started"),
        "{error}"
    );
}
