//! Measures of records whose figures can be worked out by hand.

use super::*;

fn record(sent_s: f64, scheduled_s: Option<f64>, tokens_s: &[f64], prompt: usize) -> Record {
    Record {
        arrival_s: sent_s,
        sent_s,
        scheduled_s,
        tokens_s: tokens_s.to_vec(),
        ended_s: tokens_s.last().copied().unwrap_or(sent_s) + 0.5,
        prompt_tokens: prompt,
        output_tokens: tokens_s.len(),
        error: None,
    }
}

fn outcome(requests: Vec<Record>) -> Outcome {
    Outcome {
        duration_s: 4.0,
        requests,
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn the_latencies_are_vllms() {
    let record = record(1.0, Some(1.25), &[1.5, 1.75, 2.5], 100);
    let l = Latencies::of(&record);
    assert_eq!(
        (l.ttft, l.queued, l.prefill),
        (Some(0.5), Some(0.25), Some(0.25))
    );
    near(l.e2el, 1.5);
    near(l.tpot.unwrap(), 0.5);
    assert_eq!(inter_token(&record).collect::<Vec<_>>(), [0.25, 0.75]);
}

#[test]
fn pieces_of_several_tokens_count_once_between_tokens_and_whole_in_the_time_per_token() {
    let mut record = record(0.0, None, &[1.0, 3.0], 10);
    record.output_tokens = 5;
    near(Latencies::of(&record).tpot.unwrap(), 0.5);
    assert_eq!(inter_token(&record).collect::<Vec<_>>(), [2.0]);
}

#[test]
fn an_answer_of_one_token_has_no_time_per_token() {
    let l = Latencies::of(&record(0.0, None, &[0.25], 10));
    assert_eq!((l.tpot, l.prefill), (None, Some(0.25)));
    let silent = Latencies::of(&record(0.0, None, &[], 10));
    assert_eq!((silent.ttft, silent.prefill), (None, None));
    near(silent.e2el, 0.5);
}

#[test]
fn a_round_is_summed_up() {
    let mut failed = record(0.0, None, &[9.0], 999);
    failed.error = Some("x".to_owned());
    let round = outcome(vec![
        record(0.0, Some(0.5), &[1.0, 1.1, 1.2], 100),
        record(0.0, None, &[2.0, 2.4], 100),
        failed,
    ]);
    let goal = Goal::parse(["ttft:1500"]).unwrap();
    let metrics = Metrics::of(&round, &goal);
    assert_eq!((metrics.completed, metrics.failed), (2, 1));
    assert_eq!((metrics.input_tokens, metrics.output_tokens), (200, 5));
    assert_eq!(metrics.good, Some(1));
    near(metrics.ttft_ms.median, 1500.0);
    near(metrics.ttft_ms.p90, 1900.0);
    near(metrics.tpot_ms.mean, 250.0);
    near(metrics.itl_ms.median, 100.0);
    near(metrics.e2el_ms.mean, 1800.0);
    near(metrics.prefill_speed, 125.0);
    near(metrics.decode_speed, 4.0);
    near(metrics.request_throughput(), 0.5);
    near(metrics.goodput(), 0.25);
    near(metrics.output_throughput(), 1.25);
    near(metrics.total_throughput(), 51.25);
}

#[test]
fn a_round_in_which_all_failed_has_counts_and_no_latencies() {
    let mut failed = record(0.0, None, &[], 1);
    failed.error = Some("x".to_owned());
    let metrics = Metrics::of(&outcome(vec![failed]), &Goal::default());
    assert_eq!(
        (metrics.completed, metrics.failed, metrics.good),
        (0, 1, None)
    );
    assert!(metrics.ttft_ms.median.is_nan() && metrics.decode_speed.is_nan());
    assert!(metrics.goodput().is_nan());
    near(metrics.output_throughput(), 0.0);
}

#[test]
fn the_peak_of_requests_at_once_and_of_tokens_in_a_second() {
    let round = outcome(vec![
        record(0.0, None, &[0.5, 1.0], 1),
        record(0.5, None, &[0.9, 2.0], 1),
        // It begins where the first one ends.
        record(1.0, None, &[1.1, 1.2], 1),
    ]);
    assert_eq!(most_at_once(&round), 2);
    near(busiest_second(&round), 3.0);
    assert_eq!(most_at_once(&outcome(vec![])), 0);
}
