//! The numbers of [`Stats`], told to whatever recorder of the `metrics` crate is installed.
//!
//! Without a recorder every call ends in one look at an empty option.

use metrics::{Counter, Gauge, Histogram, Label, Unit};
use stream_core::Stats;

/// A name under which a number is told, and what it says.
pub(super) type Metric = (&'static str, &'static str);

type Gauged = (Metric, fn(&Stats) -> f64);
type Counted = (Metric, fn(&Stats) -> u64);

const GAUGES: [Gauged; 3] = [
    (
        (
            "stream_engine_requests_running",
            "Requests that hold KV blocks",
        ),
        |stats| stats.running as f64,
    ),
    (
        (
            "stream_engine_requests_waiting",
            "Requests that wait for KV blocks",
        ),
        |stats| stats.waiting as f64,
    ),
    (
        (
            "stream_engine_kv_cache_usage_ratio",
            "KV blocks in use, from 0 to 1",
        ),
        |stats| stats.kv_blocks_used as f64 / stats.kv_blocks_total.max(1) as f64,
    ),
];

const COUNTERS: [Counted; 13] = [
    (
        (
            "stream_engine_steps_total",
            "Steps of the model that were begun",
        ),
        |stats| stats.steps,
    ),
    (
        ("stream_engine_step_rows_total", "Rows of all steps"),
        |stats| stats.rows,
    ),
    (
        (
            "stream_engine_preemptions_total",
            "How often a request lost its KV blocks",
        ),
        |stats| stats.preemptions,
    ),
    (
        (
            "stream_engine_prefix_cache_queries_total",
            "Tokens that were looked for in the prefix cache",
        ),
        |stats| stats.prefix_cache_queries,
    ),
    (
        (
            "stream_engine_prefix_cache_hits_total",
            "Tokens that were found in the prefix cache",
        ),
        |stats| stats.prefix_cache_hits,
    ),
    (
        ("stream_engine_prompt_tokens_total", "Tokens of prompts"),
        |stats| stats.prompt_tokens,
    ),
    (
        (
            "stream_engine_generation_tokens_total",
            "Tokens that were chosen",
        ),
        |stats| stats.completion_tokens,
    ),
    (
        (
            "stream_engine_spec_decode_draft_tokens_total",
            "Tokens that were tried ahead by speculative decoding",
        ),
        |stats| stats.drafted_tokens,
    ),
    (
        (
            "stream_engine_spec_decode_accepted_tokens_total",
            "Those of them that the model chose itself",
        ),
        |stats| stats.accepted_tokens,
    ),
    (
        (
            "stream_engine_nan_logits_total",
            "Logits that were no numbers, in rows that a token was chosen from all the same",
        ),
        |stats| stats.nan_logits,
    ),
    (
        (
            "stream_engine_requests_finished_total",
            "Requests that came to the end of their answer",
        ),
        |stats| stats.requests_finished,
    ),
    (
        (
            "stream_engine_requests_cancelled_total",
            "Requests that were ended before, from outside",
        ),
        |stats| stats.requests_cancelled,
    ),
    (
        (
            "stream_engine_requests_failed_total",
            "Requests that the engine ended with an error",
        ),
        |stats| stats.requests_failed,
    ),
];

pub(super) const QUEUE: Metric = (
    "stream_engine_request_queue_time_seconds",
    "From submission to the first step",
);
pub(super) const TIME_TO_FIRST_TOKEN: Metric = (
    "stream_engine_time_to_first_token_seconds",
    "From submission to the first token",
);
pub(super) const INTER_TOKEN: Metric = (
    "stream_engine_inter_token_latency_seconds",
    "From a token to the next one of the same request",
);
pub(super) const END_TO_END: Metric = (
    "stream_engine_e2e_request_latency_seconds",
    "From submission to the end",
);
pub(super) const STEP: Metric = (
    "stream_engine_step_time_seconds",
    "A step of the model, over all its rows",
);

/// Which engine a number is of.
pub(super) struct Labels(Vec<Label>);

impl Labels {
    pub(super) fn new(backend: &str, model: &str) -> Self {
        Self(vec![
            Label::new("backend", backend.to_owned()),
            Label::new("model", model.to_owned()),
        ])
    }

    pub(super) fn histogram(&self, (name, help): Metric) -> Histogram {
        metrics::describe_histogram!(name, Unit::Seconds, help);
        metrics::histogram!(name, self.0.clone())
    }

    fn gauge(&self, (name, help): Metric) -> Gauge {
        metrics::describe_gauge!(name, help);
        metrics::gauge!(name, self.0.clone())
    }

    fn counter(&self, (name, help): Metric) -> Counter {
        metrics::describe_counter!(name, help);
        metrics::counter!(name, self.0.clone())
    }
}

/// The gauges and counters of one engine.
pub(super) struct Meters {
    gauges: [Gauge; GAUGES.len()],
    counters: [Counter; COUNTERS.len()],
}

impl Meters {
    pub(super) fn new(labels: &Labels) -> Self {
        Self {
            gauges: GAUGES.map(|(metric, _)| labels.gauge(metric)),
            counters: COUNTERS.map(|(metric, _)| labels.counter(metric)),
        }
    }

    pub(super) fn publish(&self, stats: &Stats) {
        for (gauge, (_, of)) in self.gauges.iter().zip(GAUGES) {
            gauge.set(of(stats));
        }
        for (counter, (_, of)) in self.counters.iter().zip(COUNTERS) {
            counter.absolute(of(stats));
        }
    }
}
