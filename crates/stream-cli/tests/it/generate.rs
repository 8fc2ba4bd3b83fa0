//! `generate` with the real model.

use crate::program::{greedy, model, program, run, run_with, text_of};

const PROMPT: &str = "Name three colours.";

/// Runs `generate` with the real model, always with the most probable token.
#[track_caller]
fn answer(arguments: &[&str]) -> String {
    model();
    run(program(greedy(arguments))).expect_quiet().stdout
}

#[test]
fn greedy_text_is_the_same_each_time_and_the_same_as_its_tokens() {
    let text = answer(&["--max-tokens", "24", PROMPT]);
    assert!(text.trim().len() > 10, "{text}");
    assert_eq!(answer(&["--max-tokens", "24", PROMPT]), text);

    let outcome = run(program(greedy(&["--json", "--max-tokens", "24", PROMPT])));
    let objects = outcome.expect_quiet().objects();
    let (last, tokens) = objects.split_last().unwrap();
    assert_eq!(as_printed(text_of(tokens)), text);
    for (index, token) in tokens.iter().filter(|t| t["id"].is_number()).enumerate() {
        assert_eq!(token["index"], index);
        let times = ["scheduled_ms", "sampled_ms", "released_ms"].map(|at| token[at].as_f64());
        assert!(times.is_sorted(), "{token}");
    }
    let made = tokens
        .iter()
        .filter(|token| token["id"].is_number())
        .count();
    assert_eq!(last["usage"]["completion_tokens"], made);
    assert!(last["usage"]["prompt_tokens"].as_u64().unwrap() > 10);
    assert!(last["timings"]["tokens_per_second"].as_f64().unwrap() > 0.0);
}

/// The output for an answer: it ends with a line break, its own or one that is added.
fn as_printed(answer: String) -> String {
    match answer.ends_with('\n') {
        true => answer,
        false => answer + "\n",
    }
}

#[test]
fn the_most_tokens_are_exact() {
    let outcome = run(program(greedy(&[
        "--json",
        "--ignore-eos",
        "--max-tokens",
        "5",
        PROMPT,
    ])));
    let objects = outcome.expect_quiet().objects();
    let last = objects.last().unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 5);
    assert_eq!(last["finish_reason"], "length");
}

#[test]
fn a_raw_prompt_has_its_special_tokens_parsed_and_no_template() {
    let turn = |role, text| format!("<|im_start|>{role}\n{text}<|im_end|>\n");
    let spelled = turn("system", "Be brief.") + &turn("user", PROMPT) + "<|im_start|>assistant\n";
    let chat = answer(&["--max-tokens", "16", "--system", "Be brief.", PROMPT]);
    assert_eq!(answer(&["--max-tokens", "16", "--raw", &spelled]), chat);
    assert_ne!(answer(&["--max-tokens", "16", "--raw", PROMPT]), chat);
}

#[test]
fn a_prompt_on_stdin_is_the_same_prompt() {
    let expected = answer(&["--max-tokens", "12", PROMPT]);
    for end in ["", "\n", "\r\n"] {
        let input = format!("{PROMPT}{end}");
        let outcome = run_with(
            program(greedy(&["--max-tokens", "12", "-"])),
            input.as_bytes(),
        );
        assert_eq!(outcome.expect_quiet().stdout, expected);
    }
}

#[test]
fn a_stop_text_ends_the_answer_before_it() {
    let whole = answer(&["--max-tokens", "24", PROMPT]);
    let words: Vec<_> = whole.split(' ').collect();
    // Across a word's edge, so that it spans more than one token.
    let stop = format!("{} {}", words[2], words[3]);
    let (before, _) = whole.split_once(&stop).unwrap();
    let stopped = answer(&["--max-tokens", "24", "--stop", &stop, PROMPT]);
    assert_eq!(
        stopped.trim_end_matches('\n'),
        before.trim_end_matches('\n')
    );
    let several = ["--stop", "no such text", "--stop", &stop];
    let arguments = [&["--max-tokens", "24"], &several[..], &[PROMPT]].concat();
    assert_eq!(answer(&arguments), stopped);
}

#[test]
fn a_seed_repeats_its_draws() {
    let draw = |seed| {
        model();
        let sampling = ["--temperature", "1", "--top-k", "40", "--max-tokens", "16"];
        let arguments = [&["generate"], &sampling[..], &["--seed", seed, PROMPT]].concat();
        run(program(arguments)).expect_quiet().stdout
    };
    assert_eq!(draw("7"), draw("7"));
    let others = ["8", "9", "10"].map(draw);
    assert!(others.iter().any(|other| *other != draw("7")), "{others:?}");
}

#[test]
fn the_statistics_are_on_stderr() {
    model();
    let outcome = run(program(greedy(&["--stats", "--max-tokens", "4", PROMPT])));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome.stderr.starts_with("4 tokens, first token after"),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.ends_with("tokens per second\n"),
        "{outcome:?}"
    );
}
