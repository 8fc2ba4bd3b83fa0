//! The figures of a report, each with its name and what it is of a run.

use crate::bench::Run;
use crate::stats::Spread;

/// A figure of a run.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Its key in JSON; vLLM's, where it has the figure.
    pub key: &'static str,
    /// Its name in a table.
    pub title: &'static str,
    /// The figure; NaN where there is none.
    pub of: fn(&Run) -> f64,
}

const fn measure(key: &'static str, title: &'static str, of: fn(&Run) -> f64) -> Measure {
    Measure { key, title, of }
}

/// How much is done in a time.
pub(super) const SPEEDS: [Measure; 4] = [
    measure("request_throughput", "req/s", |r| {
        r.metrics.request_throughput()
    }),
    measure("output_throughput", "output tok/s", |r| {
        r.metrics.output_throughput()
    }),
    measure("prefill_throughput", "prefill tok/s", |r| {
        r.metrics.prefill_speed
    }),
    measure("decode_throughput", "decode tok/s", |r| {
        r.metrics.decode_speed
    }),
];

/// Requests that kept the goal.
pub(super) const GOODPUT: Measure =
    measure("request_goodput", "goodput req/s", |r| r.metrics.goodput());

/// Energy for each token of an answer.
pub(super) const ENERGY: Measure = measure("joules_per_output_token", "J/token", |run| {
    let joules = run.energy_j.unwrap_or(f64::NAN);
    joules / run.metrics.output_tokens as f64
});

/// A latency with its mean and percentiles, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) title: &'static str,
    pub(super) figures: [Measure; 4],
}

macro_rules! latency {
    ($title:literal, $key:literal, $field:ident) => {
        Latency {
            title: $title,
            figures: [
                measure(concat!("mean_", $key), "mean", |r| r.metrics.$field.mean),
                measure(concat!("median_", $key), "p50", |r| r.metrics.$field.median),
                measure(concat!("p90_", $key), "p90", |r| r.metrics.$field.p90),
                measure(concat!("p99_", $key), "p99", |r| r.metrics.$field.p99),
            ],
        }
    };
}

/// How long things take.
pub(super) const LATENCIES: [Latency; 4] = [
    latency!("TTFT", "ttft_ms", ttft_ms),
    latency!("ITL", "itl_ms", itl_ms),
    latency!("TPOT", "tpot_ms", tpot_ms),
    latency!("E2EL", "e2el_ms", e2el_ms),
];

/// What contenders are compared by.
pub(super) const COMPARED: [Measure; 5] = [
    SPEEDS[1],
    SPEEDS[2],
    SPEEDS[3],
    measure("median_ttft_ms", "TTFT p50", |r| r.metrics.ttft_ms.median),
    measure("median_tpot_ms", "TPOT p50", |r| r.metrics.tpot_ms.median),
];

/// A number with about three digits that matter, or a dash where there is none.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// `median (lowest–highest)`, or the only figure there is.
pub(super) fn spread(spread: Option<Spread>) -> String {
    let Some(Spread { median, low, high }) = spread else {
        return "–".to_owned();
    };
    match low == high {
        true => figure(median),
        false => format!("{} ({}–{})", figure(median), figure(low), figure(high)),
    }
}
