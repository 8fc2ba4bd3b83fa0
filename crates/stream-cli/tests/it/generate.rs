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

#[test]
fn several_answers_have_draws_of_their_own() {
    model();
    let arguments = [
        "generate",
        "--seed",
        "5",
        "--n",
        "3",
        "--max-tokens",
        "12",
        PROMPT,
    ];
    let outcome = run(program([&arguments[..], &["--json"]].concat()));
    let objects = outcome.expect_quiet().objects();
    let of = |choice: u64| {
        objects
            .iter()
            .filter(move |object| object["choice"] == choice)
    };
    let texts: Vec<String> = (0..3)
        .map(|choice| {
            of(choice)
                .filter_map(|object| object["text"].as_str())
                .collect()
        })
        .collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:?}");
    for choice in 0..3 {
        let last = of(choice).next_back().unwrap();
        assert_eq!(last["usage"]["completion_tokens"], 12, "{last}");
    }
    assert_eq!(of(3).count(), 0);

    let outcome = run(program(arguments));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let printed: String = texts.into_iter().map(as_printed).collect();
    assert_eq!(outcome.stdout, printed);
    assert_eq!(
        outcome.stderr,
        "answer 1 of 3\nanswer 2 of 3\nanswer 3 of 3\n"
    );
}

#[test]
fn log_probabilities_of_prompt_and_answer() {
    let logprobs = ["--json", "--logprobs", "2", "--prompt-logprobs", "1"];
    let arguments = [
        "--raw",
        "--echo",
        "--max-tokens",
        "4",
        "One, two, three, four,",
    ];
    let outcome = run(program(greedy(&[&logprobs[..], &arguments].concat())));
    let objects = outcome.expect_quiet().objects();
    let prompt = objects
        .iter()
        .position(|object| object["prompt_logprobs"].is_array())
        .unwrap();
    let echo = objects
        .iter()
        .position(|object| object["text"] == arguments[4])
        .unwrap();
    assert!(prompt <= 1 && echo <= 1, "{objects:?}");
    let scores = objects[prompt]["prompt_logprobs"].as_array().unwrap();
    let usage = &objects.last().unwrap()["usage"];
    assert_eq!(
        scores.len() as u64,
        usage["prompt_tokens"].as_u64().unwrap() - 1
    );
    let tokens: Vec<_> = objects
        .iter()
        .filter(|object| object["id"].is_number())
        .collect();
    assert_eq!(tokens.len(), 4);
    for token in tokens {
        let logprobs = &token["logprobs"];
        assert_eq!(
            (&logprobs["id"], &logprobs["rank"]),
            (&token["id"], &1.into())
        );
        assert_eq!(logprobs["top"][0]["logprob"], logprobs["logprob"]);
        assert_eq!(logprobs["top"].as_array().unwrap().len(), 2);
        let bytes = logprobs["bytes"].as_array().unwrap();
        assert_eq!(bytes.len(), token["text"].as_str().unwrap().len());
    }
}

#[test]
fn every_sampler_can_be_asked_for() {
    model();
    let drawn = |arguments: &[&str]| {
        let seeded = ["generate", "--seed", "3", "--max-tokens", "12", PROMPT];
        run(program([&seeded[..], arguments].concat()))
            .expect_quiet()
            .stdout
    };
    let plain = drawn(&["--temperature", "1.5"]);
    for arguments in [
        &["--typical-p", "0.2"][..],
        &["--top-n-sigma", "0.5"],
        &["--epsilon-cutoff", "0.05"],
        &["--eta-cutoff", "0.05"],
        &[
            "--dry-multiplier",
            "5",
            "--dry-allowed-length",
            "1",
            "--dry-breaker",
            "#",
        ],
        &["--xtc-probability", "1", "--xtc-threshold", "0.01"],
        &["--mirostat-tau", "2", "--mirostat-eta", "0.2"],
        &["--logit-bias", "28=20", "--logit-bias", "30=20"],
        &["--sampler-order", "min_p,temperature", "--min-p", "0.5"],
    ] {
        let text = drawn(&[&["--temperature", "1.5"], arguments].concat());
        assert_ne!(text, plain, "{arguments:?}");
    }
    let bad = answer(&["--max-tokens", "24", PROMPT]);
    let word = bad.split_whitespace().nth(2).unwrap();
    let clean = answer(&["--max-tokens", "24", "--bad-word", word, PROMPT]);
    assert!(
        !clean.split_whitespace().any(|other| other == word),
        "{word} in {clean}"
    );
}

/// Of two answers the second begins with what the first has computed.
#[test]
fn the_prefix_cache_can_be_switched_off() {
    model();
    let cached = |more: &[&str]| {
        let arguments = [
            &["--json", "--n", "2", "--max-tokens", "2"],
            more,
            &[PROMPT],
        ];
        let outcome = run(program(greedy(&arguments.concat())));
        let objects = outcome.expect_quiet().objects();
        let ends = objects.iter().filter(|object| object["usage"].is_object());
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by_key(|end| end["choice"].as_u64());
        let cached = ends
            .iter()
            .map(|end| end["usage"]["cached_tokens"].as_u64());
        let cached: Vec<_> = cached.map(Option::unwrap).collect();
        assert_eq!(cached.len(), 2);
        cached
    };
    let found = cached(&[]);
    assert!(found[0] == 0 && found[1] >= 16, "{found:?}");
    assert_eq!(cached(&["--no-prefix-cache"]), [0, 0]);
}

#[test]
fn an_answer_keeps_the_grammar_that_it_is_asked_for() {
    let schema = r#"{"type":"object","properties":{"colours":{"type":"array","items":{"enum":["red","green"]},"minItems":2,"maxItems":2}},"required":["colours"],"additionalProperties":false}"#;
    let value: serde_json::Value =
        serde_json::from_str(&answer(&["--json-schema", schema, PROMPT])).unwrap();
    assert_eq!(value["colours"].as_array().unwrap().len(), 2, "{value}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "start: \"<\" /[a-z]{3,5}/ \">\"").unwrap();
    let text = answer(&["--lark", file.path().to_str().unwrap(), PROMPT]);
    assert!(text.starts_with('<') && text.ends_with(">\n"), "{text}");
    let text = answer(&["--choice", "red", "--choice", "blue", PROMPT]);
    assert!(["red\n", "blue\n"].contains(&text.as_str()), "{text}");
    let refused = run(program(greedy(&["--regex", "(", PROMPT])));
    refused.expect_sentence(2, &["the regex cannot be used: unclosed group"]);
}
