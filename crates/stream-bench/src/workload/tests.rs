//! Prompts and their times.

use std::collections::HashSet;

use super::*;
use crate::vocabulary::tests::Pieces;

fn pieces() -> Pieces {
    let mut pieces: Vec<&'static [u8]> = vec![b"x", b"end"];
    pieces.extend([&b" one"[..], b" two", b" three", b" four"]);
    Pieces(pieces)
}

fn workload(source: Source, seed: u64) -> Workload {
    let vocabulary = Vocabulary::of(&pieces()).unwrap();
    Workload::new(vocabulary, source, Lengths::fixed(9), seed).unwrap()
}

fn synthetic(prompt: &str, shared_prefix: usize) -> Source {
    Source::Synthetic {
        prompt: prompt.parse().unwrap(),
        shared_prefix,
    }
}

const ALONE: Load = Load::Closed { concurrency: 1 };

fn ids(job: &Job) -> Vec<TokenId> {
    match job.ask(true).prompt {
        Input::Tokens(ids) => ids,
        Input::Text(text) => panic!("it is text: {text}"),
    }
}

#[test]
fn synthetic_prompts_have_their_lengths_and_never_repeat() {
    let mut workload = workload(synthetic("40-60", 0), 1);
    let rounds: Vec<_> = (0..3).flat_map(|_| workload.draw(&ALONE, None)).collect();
    assert_eq!(rounds.len(), 24);
    let prompts: HashSet<_> = rounds.iter().map(ids).collect();
    assert_eq!(prompts.len(), 24);
    assert!(prompts.iter().all(|ids| (40..=60).contains(&ids.len())));
    assert!(rounds.iter().all(|job| job.max_tokens == 9));
    assert!(!workload.has_repeated());
}

#[test]
fn a_seed_repeats_the_requests() {
    let draw = |seed| {
        let load = Load::Open {
            rate: "2".parse().unwrap(),
        };
        let mut workload = workload(synthetic("8,16", 0), seed);
        workload.warm_up(2);
        workload.draw(&load, Some(5))
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    let times: Vec<_> = draw(3).iter().map(|job| job.arrival_s).collect();
    assert!(times[0] > 0.0 && times.is_sorted(), "{times:?}");
}

#[test]
fn a_shared_prefix_is_shared_and_the_rest_is_not() {
    let jobs = workload(synthetic("48", 32), 1).draw(&ALONE, None);
    let first = ids(&jobs[0]);
    for job in &jobs[1..] {
        let ids = ids(job);
        assert_eq!(ids[..32], first[..32]);
        assert_ne!(ids[32..], first[32..]);
    }
    let vocabulary = Vocabulary::of(&pieces()).unwrap();
    let whole = Workload::new(vocabulary, synthetic("32-48", 32), Lengths::fixed(1), 1);
    let error = whole.unwrap_err().to_string();
    assert!(error.contains("shortest prompt, which has 32"), "{error}");
}

#[test]
fn a_contender_that_takes_text_gets_the_same_prompt_as_text() {
    let job = &workload(synthetic("3", 0), 1).draw(&ALONE, Some(1))[0];
    let expected: Vec<&[u8]> = ids(job).iter().map(|&id| pieces().0[id as usize]).collect();
    let Input::Text(text) = job.ask(false).prompt else {
        panic!("it takes text only");
    };
    assert_eq!(text.as_bytes(), expected.concat());
}

#[test]
fn a_dataset_is_asked_once_through_before_anything_repeats() {
    let text = (0..5).map(|i| format!("{{\"prompt\": \"p{i}\"}}\n\n"));
    let dataset = Dataset::parse(&text.collect::<String>(), &pieces()).unwrap();
    let mut workload = workload(Source::Dataset(dataset), 1);
    let first = texts(&workload.draw(&ALONE, Some(5)));
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 5);
    assert!(!workload.has_repeated());
    let second = texts(&workload.draw(&ALONE, Some(1)));
    assert_eq!(second[0], first[0]);
    assert!(workload.has_repeated());
}

fn texts(jobs: &[Job]) -> Vec<String> {
    jobs.iter().map(|job| job.text.clone()).collect()
}

#[test]
fn lines_of_a_dataset_may_say_how_long_the_answer_is() {
    let text = "{\"prompt\": \"a\", \"output_tokens\": 3}\n{\"prompt\": \"b\"}";
    let dataset = Dataset::parse(text, &pieces()).unwrap();
    let lengths: Vec<_> = dataset.samples.iter().map(|s| s.output_tokens).collect();
    assert_eq!(lengths, [Some(3), None]);
}

#[test]
fn the_first_turns_of_conversations_are_asked_if_their_lengths_serve() {
    let turn = |words: usize| format!("{{\"value\": \"{}\"}}", vec!["w"; words].join(" "));
    let conversation = |turns: &[usize]| {
        let turns: Vec<_> = turns.iter().map(|&words| turn(words)).collect();
        format!("{{\"id\": 1, \"conversations\": [{}]}}", turns.join(","))
    };
    let all = [
        conversation(&[5, 6, 7]),
        conversation(&[5]),
        conversation(&[3, 6]),
        conversation(&[5, 3]),
        conversation(&[1025, 6]),
        conversation(&[1024, 1025]),
        conversation(&[1024, 1024]),
    ];
    let dataset = Dataset::parse(&format!("[{}]", all.join(",\n")), &pieces()).unwrap();
    let lengths: Vec<_> = dataset.samples.iter().map(|s| s.output_tokens).collect();
    assert_eq!(lengths, [Some(6), Some(1024)]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let dataset = |text| Dataset::parse(text, &pieces()).unwrap_err().to_string();
    let trace = |text| Trace::parse(text).unwrap_err().to_string();
    let good = "{\"prompt\": \"a\"}\n";
    for (found, words) in [
        (dataset(""), "no prompt"),
        (dataset("[]"), "no prompt"),
        (dataset("[{\"conversations\":\n 5}]"), "line 2: "),
        (dataset(&format!("{good}\n{{")), "line 3: "),
        (dataset(&format!("{good}{{\"prompt\": 5}}")), "line 2: "),
        (dataset("{\"prompt\": \"\"}"), "line 1: the prompt is empty"),
        (
            dataset("{\"prompt\": \"a\", \"output_tokens\": 0}"),
            "line 1: output_tokens is 0",
        ),
        (trace(""), "no prompt"),
        (trace("{\"input_length\": 5}"), "timestamp"),
        (trace("{\"timestamp\": 5}"), "line 1: it must have either"),
        (
            trace("{\"timestamp\": 5, \"input_length\": 0}"),
            "input_length is 0",
        ),
        (
            trace("{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 0}"),
            "output_length is 0",
        ),
    ] {
        assert!(found.contains(words), "{found}");
    }
    let missing = Dataset::read(std::path::Path::new("no/such.jsonl"), &pieces());
    let error = missing.unwrap_err().to_string();
    assert!(
        error.starts_with("no/such.jsonl: it cannot be read"),
        "{error}"
    );
}

#[test]
fn a_trace_keeps_its_times_and_its_shared_blocks() {
    let text = "{\"timestamp\": 3000, \"input_length\": 600, \"output_length\": 2, \"hash_ids\": [7, 8]}\n\
                {\"timestamp\": 1000, \"input_length\": 520, \"output_length\": 4, \"hash_ids\": [7]}\n\
                {\"timestamp\": 1500, \"prompt\": \"hello\"}\n";
    let mut workload = workload(Source::Trace(Trace::parse(text).unwrap()), 1);
    let jobs = workload.draw(&Load::Trace, None);
    let times: Vec<_> = jobs.iter().map(|job| job.arrival_s).collect();
    assert_eq!(times, [0.0, 0.5, 2.0]);
    let outputs: Vec<_> = jobs.iter().map(|job| job.max_tokens).collect();
    assert_eq!(outputs, [4, 9, 2]);
    let (short, long) = (ids(&jobs[0]), ids(&jobs[2]));
    assert_eq!((short.len(), long.len()), (520, 600));
    assert_eq!(short[..512], long[..512]);
    assert_ne!(short[512..520], long[512..520]);
    assert_eq!(jobs[1].ask(true).prompt, Input::Text("hello".to_owned()));
    let again = workload.draw(&Load::Trace, Some(1));
    assert_eq!(ids(&again[0])[..512], short[..512]);
    assert_ne!(ids(&again[0])[512..], short[512..]);
    assert!(workload.has_repeated());
}
