//! Stop strings are found however the text is split, and nothing is held in vain.

use proptest::prelude::*;
use stream_core::Stop;
use stream_runtime::text::StopMatcher;

use crate::oracle::cut_at_stop;

fn stop(strings: &[&str]) -> Stop {
    Stop::builder().strings(strings.to_vec()).build().unwrap()
}

fn included(strings: &[&str]) -> Stop {
    let stop = Stop::builder().strings(strings.to_vec());
    stop.include_in_output().build().unwrap()
}

/// What leaves, and the stop string that was found. Checks after every push that the text that
/// has not left is just what a stop string may have begun with.
fn run(stop: &Stop, chunks: &[&str]) -> (String, Option<String>) {
    let mut matcher = StopMatcher::new(stop);
    let (mut out, mut text) = (String::new(), String::new());
    for chunk in chunks {
        text.push_str(chunk);
        if let Some(hit) = matcher.push(chunk, &mut out) {
            assert_silent(&mut matcher, &out);
            return (out, Some(hit));
        }
        let held = live_prefix(&text, stop.strings());
        assert_eq!(matcher.held(), held, "in {text:?} for {stop:?}");
        assert_eq!(out, text[..text.len() - held.len()]);
    }
    matcher.flush(&mut out);
    (out, None)
}

/// The longest end of the text that a stop string begins with, without being all of it.
fn live_prefix<'a>(text: &'a str, stops: &[String]) -> &'a str {
    let starts = text.char_indices().map(|(i, _)| &text[i..]);
    starts
        .filter(|end| {
            let mut stops = stops.iter();
            stops.any(|s| s.len() > end.len() && s.starts_with(end))
        })
        .max_by_key(|end| end.len())
        .unwrap_or("")
}

fn assert_silent(matcher: &mut StopMatcher, out: &str) {
    let mut after = out.to_owned();
    assert_eq!(matcher.push("more ab", &mut after), None);
    matcher.pass("more ab", &mut after);
    matcher.flush(&mut after);
    assert_eq!(after, out, "text left after the stop string");
}

/// `text` split after every character whose bit is set in `splits`.
fn split(text: &str, splits: u32) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for (i, (end, _)) in text.char_indices().skip(1).enumerate() {
        if splits >> i & 1 == 1 {
            chunks.push(&text[start..end]);
            start = end;
        }
    }
    chunks.push(&text[start..]);
    chunks
}

#[test]
fn every_short_text_under_every_split() {
    let sets: [&[&str]; 14] = [
        &[],
        &["a"],
        &["ab"],
        &["aa"],
        &["aab"],
        &["abab"],
        &["ab", "b"],
        &["ab", "abb"],
        &["aba", "bab"],
        &["abba", "bb"],
        &["é"],
        &["aé", "éa"],
        &["éé", "ébé"],
        &["aaé", "aab", "ba"],
    ];
    let alphabet = ['a', 'b', 'é'];
    for number in 0..3_usize.pow(6) {
        let letters = (0..6).map(|i| alphabet[number / 3_usize.pow(i) % 3]);
        let text: String = letters.collect();
        for stops in sets.iter().flat_map(|s| [stop(s), included(s)]) {
            let expected = cut_at_stop(&text, &stops, 0);
            for splits in 0..1 << 5 {
                let found = run(&stops, &split(&text, splits));
                assert_eq!(found, expected, "{text:?} {splits:b} {stops:?}");
            }
        }
    }
}

/// Name, stop strings, tokens, text before the stop string, stop string.
type Case<'a> = (
    &'a str,
    &'a [&'a str],
    &'a [&'a str],
    &'a str,
    Option<&'a str>,
);

#[test]
fn named_cases() {
    let cases: [Case<'_>; 13] = [
        (
            "over two tokens",
            &["STOP"],
            &["go ST", "OP on"],
            "go ",
            Some("STOP"),
        ),
        (
            "over five",
            &["<end>"],
            &["a<", "e", "n", "d", ">b"],
            "a",
            Some("<end>"),
        ),
        ("inside a token", &["|"], &["a|b"], "a", Some("|")),
        ("at the very end", &["."], &["a", "."], "a", Some(".")),
        ("the whole text", &["ab"], &["a", "b"], "", Some("ab")),
        (
            "two: the first complete",
            &["two", "one"],
            &["zero one two"],
            "zero ",
            Some("one"),
        ),
        (
            "one within another",
            &["abcd", "bc"],
            &["abcd"],
            "a",
            Some("bc"),
        ),
        (
            "two ends at once",
            &["bc", "abc"],
            &["xabc"],
            "x",
            Some("abc"),
        ),
        ("false start", &["STOP"], &["ST", "ART"], "START", None),
        (
            "false start, then real",
            &["aab"],
            &["aa", "ab"],
            "a",
            Some("aab"),
        ),
        ("never completed", &["STOP"], &["go STO"], "go STO", None),
        (
            "multi-byte",
            &["停止"],
            &["请停", "止吧"],
            "请",
            Some("停止"),
        ),
        ("shared first byte", &["é"], &["è", "é"], "è", Some("é")),
    ];
    for (name, stops, chunks, text, hit) in cases {
        let expected = (text.to_owned(), hit.map(str::to_owned));
        assert_eq!(run(&stop(stops), chunks), expected, "{name}");
        let kept = (text.to_owned() + hit.unwrap_or(""), hit.map(str::to_owned));
        assert_eq!(run(&included(stops), chunks), kept, "{name}, included");
    }
}

#[test]
fn text_that_may_not_be_stopped_is_held_all_the_same() {
    let mut matcher = StopMatcher::new(&stop(&["ab", "abc"]));
    let mut out = String::new();
    matcher.pass("xab", &mut out);
    assert_eq!((&*out, matcher.held()), ("x", "ab"), "abc may still come");
    assert_eq!(matcher.push("c", &mut out), Some("abc".to_owned()));
    assert_eq!(out, "x");
}

#[test]
fn after_a_flush_the_search_begins_anew() {
    let mut matcher = StopMatcher::new(&stop(&["ab"]));
    let mut out = String::new();
    matcher.push("a", &mut out);
    matcher.flush(&mut out);
    assert_eq!(matcher.push("b", &mut out), None);
    assert_eq!((&*out, matcher.held()), ("ab", ""));
}

/// The worst case of a naive search: every position begins a match that fails at its end.
#[test]
fn long_stops_that_fail_late() {
    let strings: Vec<String> = (1..=16).map(|i| "a".repeat(1008 + i - 1) + "b").collect();
    let stops = Stop::builder().strings(strings).build().unwrap();
    let text = "a".repeat(100_000);
    let mut matcher = StopMatcher::new(&stops);
    let mut out = String::new();
    for i in 0..text.len() {
        assert_eq!(matcher.push(&text[i..=i], &mut out), None);
        assert!(matcher.held().len() <= 1023);
    }
    assert_eq!(out.len() + matcher.held().len(), text.len());
    assert_eq!(matcher.push("b", &mut out).map(|s| s.len()), Some(1024));
    assert_eq!(out.len(), text.len() - 1023);
}

proptest! {
    #[test]
    fn longer_texts_under_any_split(
        text in "[abé]{0,200}",
        strings in prop::collection::vec("[abé]{1,7}", 0..6),
        cuts in prop::collection::vec(0..6_usize, 0..80),
        include in any::<bool>(),
    ) {
        let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
        let stops = if include { included(&strings) } else { stop(&strings) };
        let mut rest = &text[..];
        let mut chunks = Vec::new();
        for count in cuts {
            let end = rest.char_indices().nth(count).map_or(rest.len(), |(i, _)| i);
            let (chunk, after) = rest.split_at(end);
            chunks.push(chunk);
            rest = after;
        }
        chunks.push(rest);
        prop_assert_eq!(run(&stops, &chunks), cut_at_stop(&text, &stops, 0));
    }
}
