//! What an engine counts, and tells to a recorder of metrics.

use std::collections::HashMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use stream_core::{Deadlines, Stats, Summary};

use crate::lab::{Lab, greedy, read, spec};
use crate::toy::hashed;
use crate::words::ids;

/// Each metric by its name. A histogram is emptied by looking at it.
fn metrics(snapshotter: &Snapshotter) -> HashMap<String, DebugValue> {
    let values = snapshotter.snapshot().into_vec().into_iter();
    let named = values.map(|(key, _, help, value)| {
        let labels: Vec<_> = key.key().labels().map(|l| (l.key(), l.value())).collect();
        assert_eq!(labels, [("backend", "toy"), ("model", "hash")]);
        assert!(help.is_some(), "{key:?} is not described");
        (key.key().name().to_owned(), value)
    });
    named.collect()
}

fn counters(stats: &Stats) -> [(&'static str, u64); 13] {
    [
        ("steps_total", stats.steps),
        ("step_rows_total", stats.rows),
        ("preemptions_total", stats.preemptions),
        ("prefix_cache_queries_total", stats.prefix_cache_queries),
        ("prefix_cache_hits_total", stats.prefix_cache_hits),
        ("prompt_tokens_total", stats.prompt_tokens),
        ("generation_tokens_total", stats.completion_tokens),
        ("spec_decode_draft_tokens_total", stats.drafted_tokens),
        ("spec_decode_accepted_tokens_total", stats.accepted_tokens),
        ("nan_logits_total", stats.nan_logits),
        ("requests_finished_total", stats.requests_finished),
        ("requests_cancelled_total", stats.requests_cancelled),
        ("requests_failed_total", stats.requests_failed),
    ]
}

fn histograms(stats: &Stats) -> [(&'static str, Summary); 5] {
    let latencies = &stats.latencies;
    [
        ("request_queue_time_seconds", latencies.queue),
        ("time_to_first_token_seconds", latencies.time_to_first_token),
        ("inter_token_latency_seconds", latencies.inter_token),
        ("e2e_request_latency_seconds", latencies.end_to_end),
        ("step_time_seconds", latencies.step),
    ]
}

/// Some whole answers, a failed one, and one that a deadline ends in the queue.
fn run(lab: Lab) -> Stats {
    let whole = ["one", "two", "three"].map(|text| lab.generate(greedy(&ids(text), 5)));
    for stream in whole {
        read(stream);
    }
    lab.control.strike(stream_testkit::Fault::ErrorInLaunch);
    let failed = lab.generate(greedy(&ids("fails"), 5));
    assert!(failed.blocking().completion().is_err());
    lab.control.hold();
    let queue = Some(Duration::ZERO);
    let deadlines = Deadlines {
        queue,
        ..Deadlines::default()
    };
    let late = lab.generate(greedy(&ids("late"), 5).deadlines(deadlines));
    assert!(late.blocking().completion().is_err());
    lab.settle(5)
}

#[test]
fn what_is_told_to_a_recorder_is_what_the_engine_says() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let lab = metrics::with_local_recorder(&recorder, || Lab::new(hashed(), spec()));
    let stats = run(lab);
    let mut told = metrics(&snapshotter);
    let mut take = |name: &str| told.remove(&format!("stream_engine_{name}")).unwrap();
    for (name, value) in counters(&stats) {
        assert_eq!(take(name), DebugValue::Counter(value), "{name}");
    }
    for name in [
        "requests_running",
        "requests_waiting",
        "kv_cache_usage_ratio",
    ] {
        assert_eq!(take(name), DebugValue::Gauge(0.0.into()), "{name}");
    }
    for (name, summary) in histograms(&stats) {
        let DebugValue::Histogram(times) = take(name) else {
            panic!("{name} is no histogram")
        };
        assert_eq!(times.len() as u64, summary.count, "{name}");
        let sum: f64 = times.iter().map(|time| time.into_inner()).sum();
        let mean = sum / times.len() as f64;
        assert!((summary.mean.as_secs_f64() - mean).abs() < 2e-9, "{name}");
    }
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn requests_steps_and_tokens_are_counted_once() {
    let stats = run(Lab::new(hashed(), spec()));
    let requests = [
        stats.requests_finished,
        stats.requests_failed,
        stats.requests_cancelled,
    ];
    assert_eq!(requests, [3, 1, 1]);
    assert_eq!((stats.prompt_tokens, stats.completion_tokens), (20, 15));
    // Five rows for each whole answer, and one that failed; the late one had none or one.
    assert!(stats.rows == 16 || stats.rows == 17, "{stats:?}");
    let latencies = stats.latencies;
    assert_eq!(latencies.end_to_end.count, 5);
    assert_eq!(latencies.time_to_first_token.count, 3);
    assert_eq!(latencies.inter_token.count, 12);
    assert_eq!(latencies.step.count, stats.steps);
    assert!(latencies.queue.count >= 4);
    for (name, summary) in histograms(&stats) {
        let ascending = [summary.p50, summary.p90, summary.p99];
        assert!(ascending.is_sorted(), "{name}: {summary:?}");
        assert!(summary.p50 > Duration::ZERO && summary.mean > Duration::ZERO);
    }
}
