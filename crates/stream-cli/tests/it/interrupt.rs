//! Ctrl-C, and a reader that goes away.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{greedy, model, program, text_of};

/// An answer that does not end by itself for a long time.
const ENDLESS: &[&str] = &["--ignore-eos", "--json", "Count to a million."];

fn endless() -> Child {
    model();
    program(greedy(ENDLESS)).spawn().unwrap()
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn ctrl_c_ends_the_stream_with_what_was_made() {
    let mut child = endless();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    for _ in 0..3 {
        stdout.read_line(&mut lines).unwrap();
    }
    interrupt(&child);
    stdout.read_to_string(&mut lines).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let objects: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let last = objects.last().unwrap();
    assert_eq!(last["finish_reason"], "cancelled");
    assert!(last["usage"]["completion_tokens"].as_u64().unwrap() >= 3);
    assert!(!text_of(&objects).is_empty());
}

#[test]
fn ctrl_c_before_the_stream_ends_the_program() {
    let mut child = program(["generate", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let _prompt = child.stdin.take();
    // It waits for its prompt. The handler stands once the program has come so far, which
    // cannot be seen from here: a signal before that ends it as well, without a code.
    std::thread::sleep(std::time::Duration::from_millis(300));
    interrupt(&child);
    assert!(matches!(child.wait().unwrap().code(), Some(130) | None));
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let mut child = endless();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
