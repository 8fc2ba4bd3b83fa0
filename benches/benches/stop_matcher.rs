//! Stop strings in a text that comes token by token, none of which appears, beside two ways to
//! search for them.
//!
//! ```text
//! cargo bench -p stream-benches --bench stop_matcher
//! ```
//!
//! "The whole text" looks for each string in everything so far, after each token. "The end of
//! it" looks where a string could have been completed by the newest token, which is the least
//! that a search must look at. Neither knows what it has to hold back; ours does.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stream_benches::sample_text::texts;
use stream_core::Stop;
use stream_runtime::text::StopMatcher;

/// As people use them; the text holds beginnings of some, and all of none.
const STOPS: [&str; 16] = [
    "\n\nHuman:",
    "</s>",
    "###",
    "<|im_end|>",
    "\n\nQuestion:",
    "The end.",
    "```",
    "Observation:",
    "\n\n\n",
    "---",
    "USER:",
    "[DONE]",
    "</answer>",
    "he had been",
    "the lamp again",
    "tea, and",
];

fn ours(stop: &Stop, pieces: &[&str]) -> usize {
    let (mut matcher, mut out) = (StopMatcher::new(stop), String::new());
    for piece in pieces {
        assert_eq!(matcher.push(piece, &mut out), None);
    }
    matcher.flush(&mut out);
    out.len()
}

fn whole_text(stops: &[&str], pieces: &[&str]) -> usize {
    let mut text = String::new();
    for piece in pieces {
        text += piece;
        assert!(stops.iter().all(|stop| text.find(stop).is_none()));
    }
    text.len()
}

fn end_of_text(stops: &[&str], pieces: &[&str]) -> usize {
    let mut text = String::new();
    for piece in pieces {
        text += piece;
        let found = |stop: &&str| {
            let start = text.len().saturating_sub(piece.len() + stop.len() - 1);
            text[text.ceil_char_boundary(start)..].contains(stop)
        };
        assert!(!stops.iter().any(found));
    }
    text.len()
}

fn stop_matcher(criterion: &mut Criterion) {
    for (name, text) in texts() {
        // About as long as tokens are.
        let pieces: Vec<&str> = text
            .split_inclusive([' ', '，', '。', '\u{200d}'])
            .collect();
        for count in [1, 4, STOPS.len()] {
            let strings = &STOPS[..count];
            let stop = Stop::builder().strings(strings.iter().copied()).build();
            let stop = stop.expect("they are allowed");
            let mut group = criterion.benchmark_group(format!("{count} stop strings, {name}"));
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function("ours", |b| b.iter(|| ours(&stop, black_box(&pieces))));
            group.bench_function("the end of it", |b| {
                b.iter(|| end_of_text(strings, black_box(&pieces)));
            });
            group.bench_function("the whole text", |b| {
                b.iter(|| whole_text(strings, black_box(&pieces)));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = stop_matcher
}
criterion_main!(benches);
