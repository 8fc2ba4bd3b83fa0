//! The mistakes that a person makes first: one clear sentence, and an exit code that fits.

use std::fs;

use crate::program::{model, program, run, run_with};

/// Runs `generate` with `arguments`, which are wrong.
#[track_caller]
fn check(arguments: &[&str], words: &[&str]) {
    let outcome = run(program([&["generate"], arguments].concat()));
    outcome.expect_sentence(2, words);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn parameters_out_of_range_are_named_with_what_is_allowed() {
    for (option, value, words) in [
        (
            "--temperature",
            "-1",
            &["temperature is -1", "0 (greedy)"][..],
        ),
        ("--temperature", "NaN", &["temperature is NaN"]),
        ("--top-p", "0", &["top_p is 0", "over 0"]),
        ("--top-p", "1.5", &["top_p is 1.5"]),
        ("--min-p", "2", &["min_p is 2"]),
        ("--max-tokens", "0", &["max_tokens is 0", "at least 1"]),
        ("--repetition-penalty", "0", &["repetition_penalty is 0"]),
        ("--presence-penalty", "3", &["presence_penalty is 3"]),
        ("--frequency-penalty", "-3", &["frequency_penalty is -3"]),
        ("--typical-p", "0", &["typical_p is 0"]),
        ("--top-n-sigma", "-1", &["top_n_sigma is -1"]),
        ("--epsilon-cutoff", "1", &["epsilon_cutoff is 1"]),
        ("--eta-cutoff", "NaN", &["eta_cutoff is NaN"]),
        ("--dry-multiplier", "0", &["dry_multiplier is 0"]),
        ("--xtc-probability", "2", &["xtc_probability is 2"]),
        ("--mirostat-tau", "-1", &["mirostat_tau is -1"]),
        ("--logit-bias", "5=101", &["logit_bias is 101 for the id 5"]),
        ("--bad-word", "", &["bad_words is a text of 0 bytes"]),
        ("--sampler-order", "top_k", &["without temperature"]),
        ("--n", "0", &["n is 0", "from 1 to 128"]),
        ("--n", "129", &["n is 129"]),
        ("--stop", "", &["stop is a string of 0 bytes"]),
        ("--regex", "", &["regex is empty"]),
        (
            "--json-schema",
            "none.json",
            &["--json-schema: cannot read none.json"],
        ),
        ("--lark", "none.lark", &["--lark: cannot read none.lark"]),
        ("--backend", "abacus", &["abacus", "candle"]),
        (
            "--precision",
            "exact",
            &["`candle` has no precision `exact`; it has native, f32"],
        ),
        (
            "--device",
            "cuda",
            &["`candle` has no device `cuda`; it has cpu"],
        ),
        ("--spinning", "off", &["it has no such setting"]),
    ] {
        check(&[option, value, "hello"], words);
    }
    let both = ["--mirostat-tau", "5", "--top-k", "40", "hello"];
    check(&both, &["top_k is set", "off beside mirostat"]);
    check(
        &["--json", "--logprobs", "21", "hello"],
        &["logprobs is 21", "from 0 to 20"],
    );
    let less = ["--max-tokens", "2", "--min-tokens", "3", "hello"];
    check(&less, &["min_tokens is 3", "max_tokens, which is 2"]);
}

#[test]
fn an_empty_prompt() {
    check(&[""], &["prompt is empty"]);
    check(&["  "], &["prompt is empty"]);
    check(&["--raw", ""], &["prompt is empty"]);
    run(program(["generate", "-"])).expect_sentence(2, &["prompt is empty"]);
    run_with(program(["generate", "-"]), b"\n").expect_sentence(2, &["prompt is empty"]);
}

#[test]
fn a_prompt_that_is_not_utf8() {
    let outcome = run_with(program(["generate", "-"]), b"caf\xe9");
    outcome.expect_sentence(2, &["not UTF-8 at byte 3"]);
}

#[test]
fn a_prompt_longer_than_the_context_is_told_with_both_numbers() {
    model();
    let prompt = "word ".repeat(10_000);
    let outcome = run_with(program(["generate", "-"]), prompt.as_bytes());
    outcome.expect_sentence(2, &["8192", "the prompt has 10"]);
}

#[test]
fn ids_that_the_model_does_not_have() {
    model();
    check(
        &["--logit-bias", "49152=1", "hello"],
        &["logit_bias", "ids under 49152"],
    );
}

#[test]
fn a_model_that_is_not_there() {
    let outcome = run(program(["generate", "--model", "no/such.gguf", "hello"]));
    outcome.expect_sentence(3, &["no/such.gguf"]);
}

#[test]
fn files_that_are_not_whole_models() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(model()).unwrap();
    for (name, content, words) in [
        ("text.gguf", &b"This is not a model."[..], "GGUF"),
        ("empty.gguf", b"", "GGUF"),
        ("header.gguf", &whole[..1_000], "header.gguf"),
        ("truncated.gguf", &whole[..whole.len() / 2], "not whole"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap();
        let outcome = run(program(["generate", "--model", path, "hello"]));
        outcome.expect_sentence(3, &[words, name]);
    }
    let path = folder.path().to_str().unwrap();
    run(program(["generate", "--model", path, "hello"])).expect_sentence(3, &[path]);
}

#[test]
fn weights_that_are_no_numbers_are_found_if_that_is_asked_for() {
    let tiny = "../stream-checkpoint/tests/fixtures/families/llama-biases/llama-biases.gguf";
    let mut bytes = fs::read(tiny).unwrap();
    let end = bytes.len();
    bytes[end - 64..].fill(0xFF);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.gguf");
    fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    let checked = ["generate", "--check-weights", "--model"];
    let outcome = run(program([&checked[..], &[path, "hello"]].concat()));
    outcome.expect_sentence(3, &["broken.gguf", "has the value NaN"]);
    let sound = [
        &checked[..],
        &[tiny, "--max-tokens", "1", "--step-timeout", "0", "hello"],
    ]
    .concat();
    assert_eq!(run(program(sound)).code, 0);
}

#[test]
fn a_command_line_that_cannot_be_read() {
    for arguments in [
        &[][..],
        &["generate"],
        &["generate", "--max-tokens", "many", "hello"],
        &["generate", "--max-tokens", "-1", "hello"],
        &["generate", "--threads", "0", "hello"],
        &["generate", "--step-timeout", "-1", "hello"],
        &["generate", "--raw", "--system", "x", "hello"],
        &["generate", "--nonsense", "hello"],
        &["generate", "--logprobs", "2", "hello"],
        &["generate", "--prompt-logprobs", "2", "hello"],
        &["generate", "--echo", "hello"],
        &["generate", "--dry-base", "2", "hello"],
        &["generate", "--xtc-threshold", "0.1", "hello"],
        &["generate", "--mirostat-eta", "0.1", "hello"],
        &["generate", "--logit-bias", "5", "hello"],
        &["generate", "--logit-bias", "-5=1", "hello"],
        &["generate", "--sampler-order", "top_a", "hello"],
        &["completions", "abacus"],
        &["nonsense"],
    ] {
        let outcome = run(program(arguments));
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains("help"), "{outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    }
}
