//! `chat` with lines from a pipe.

use crate::program::{model, program, run_with};

const GREEDY: &[&str] = &["chat", "--temperature", "0", "--max-tokens", "16"];

#[track_caller]
fn replies(lines: &str) -> String {
    model();
    run_with(program(GREEDY), lines.as_bytes())
        .expect_quiet()
        .stdout
}

#[test]
fn a_reset_makes_the_next_turn_a_first_turn() {
    let alone = replies("What is a whale?\n");
    assert!(alone.trim().len() > 10, "{alone}");
    let first = replies("My name is Ada.\n");
    let reset = replies("My name is Ada.\n/reset\nWhat is a whale?\n");
    assert_eq!(reset, format!("{first}{alone}"));
}

#[test]
fn history_goes_into_the_next_turn() {
    let question = "What is my name?\n";
    let (first, alone) = (replies("My name is Ada.\n"), replies(question));
    let both = replies(&format!("My name is Ada.\n{question}"));
    let second = both.strip_prefix(&first).unwrap();
    assert!(!second.trim().is_empty());
    assert_ne!(second, alone);
}

#[test]
fn nothing_to_say_is_no_mistake() {
    assert_eq!(replies(""), "");
    assert_eq!(replies("\n  \n"), "");
    assert_eq!(replies("/exit\nWhat is a whale?\n"), "");
}

#[test]
fn a_script_with_a_mistake_ends_with_a_sentence() {
    model();
    let chat = |input: &[u8]| run_with(program(GREEDY), input);
    chat(b"/nonsense\n").expect_sentence(2, &["/nonsense", "/help"]);
    chat(b"caf\xe9\n").expect_sentence(2, &["UTF-8"]);
    let long = "word ".repeat(10_000);
    chat(long.as_bytes()).expect_sentence(2, &["8192"]);
}

#[test]
fn wrong_parameters_are_known_before_the_model_is_loaded() {
    let arguments = ["chat", "--model", "no/such.gguf", "--top-p", "0"];
    run_with(program(arguments), b"").expect_sentence(2, &["top_p is 0"]);
}
