//! What the records of a round say, in the measures of the field.
//!
//! The definitions are those of `vllm bench serve`. Of a request with `n` output tokens:
//! - **TTFT**, time to first token: from sending to the first token;
//! - **ITL**, inter-token latency: each time between two pieces of the answer;
//! - **TPOT**, time per output token: (e2e − TTFT) / (n − 1), where n > 1;
//! - **E2EL**, end to end: from sending to the last token.
//!
//! All requests of a round that ended well count. Beyond vLLM's: **prefill speed**, the median
//! over requests of prompt tokens per second from the first step (where the engine tells it, else
//! from sending) to the first token; **decoding speed**, the median of 1 / TPOT, as one stream
//! sees it.

use crate::goodput::Goal;
use crate::protocol::{Outcome, Record};
use crate::stats::{Summary, median};

/// The latencies of one request, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latencies {
    /// Time to first token; `None` if there was none.
    pub ttft: Option<f64>,
    /// Time per output token; `None` before the second.
    pub tpot: Option<f64>,
    /// End to end.
    pub e2el: f64,
    /// From sending to the first step of the model, where the engine tells.
    pub queued: Option<f64>,
    /// From the first step, or else from sending, to the first token.
    pub prefill: Option<f64>,
}

impl Latencies {
    /// The latencies of a request.
    pub fn of(record: &Record) -> Self {
        let ttft = record.tokens_s.first().map(|first| first - record.sent_s);
        let last = record.tokens_s.last().copied().unwrap_or(record.ended_s);
        let e2el = last - record.sent_s;
        let more = record.output_tokens.saturating_sub(1);
        let queued = record.scheduled_s.map(|at| (at - record.sent_s).max(0.0));
        Self {
            ttft,
            tpot: ttft
                .filter(|_| more > 0)
                .map(|ttft| (e2el - ttft) / more as f64),
            e2el,
            queued,
            prefill: ttft.map(|ttft| ttft - queued.unwrap_or(0.0)),
        }
    }
}

/// The times between the pieces of an answer, in seconds.
pub fn inter_token(record: &Record) -> impl Iterator<Item = f64> + '_ {
    record.tokens_s.windows(2).map(|pair| pair[1] - pair[0])
}

/// The measures of one round. Where there is no sample, a figure is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Seconds that the round took.
    pub duration_s: f64,
    /// Requests that ended well.
    pub completed: usize,
    /// Requests that did not.
    pub failed: usize,
    /// Tokens of the prompts of those that ended well.
    pub input_tokens: usize,
    /// Tokens of the answers of those that ended well.
    pub output_tokens: usize,
    /// Those that kept the goal, if there is one.
    pub good: Option<usize>,
    /// Time to first token, in milliseconds.
    pub ttft_ms: Summary,
    /// Time per output token, in milliseconds.
    pub tpot_ms: Summary,
    /// Inter-token latency, in milliseconds.
    pub itl_ms: Summary,
    /// End to end, in milliseconds.
    pub e2el_ms: Summary,
    /// Prompt tokens per second of one request, median.
    pub prefill_speed: f64,
    /// Output tokens per second of one stream, median.
    pub decode_speed: f64,
}

impl Metrics {
    /// Sums up a round.
    pub fn of(outcome: &Outcome, goal: &Goal) -> Self {
        let good: Vec<&Record> = succeeded(outcome).collect();
        let latencies: Vec<_> = good.iter().map(|record| Latencies::of(record)).collect();
        let tpots = samples(&latencies, |l| l.tpot);
        let itls: Vec<f64> = good.iter().flat_map(|record| inter_token(record)).collect();
        let kept = || latencies.iter().filter(|l| goal.is_kept(l)).count();
        Self {
            duration_s: outcome.duration_s,
            completed: good.len(),
            failed: outcome.requests.len() - good.len(),
            input_tokens: good.iter().map(|r| r.prompt_tokens).sum(),
            output_tokens: good.iter().map(|r| r.output_tokens).sum(),
            good: goal.is_set().then(kept),
            ttft_ms: milliseconds(&samples(&latencies, |l| l.ttft)),
            tpot_ms: milliseconds(&tpots),
            itl_ms: milliseconds(&itls),
            e2el_ms: milliseconds(&samples(&latencies, |l| Some(l.e2el))),
            prefill_speed: median(&prefill_speeds(&good, &latencies)),
            decode_speed: 1.0 / median(&tpots),
        }
    }

    /// Requests per second that ended well.
    pub fn request_throughput(&self) -> f64 {
        self.completed as f64 / self.duration_s
    }

    /// Requests per second that kept the goal; NaN without a goal.
    pub fn goodput(&self) -> f64 {
        self.good
            .map_or(f64::NAN, |good| good as f64 / self.duration_s)
    }

    /// Output tokens per second, of all streams together.
    pub fn output_throughput(&self) -> f64 {
        self.output_tokens as f64 / self.duration_s
    }

    /// Tokens of prompts and answers per second.
    pub fn total_throughput(&self) -> f64 {
        (self.input_tokens + self.output_tokens) as f64 / self.duration_s
    }
}

/// The requests of a round that ended well.
pub fn succeeded(outcome: &Outcome) -> impl Iterator<Item = &Record> {
    outcome.requests.iter().filter(|r| r.error.is_none())
}

fn samples(latencies: &[Latencies], of: impl Fn(&Latencies) -> Option<f64>) -> Vec<f64> {
    latencies.iter().filter_map(of).collect()
}

fn milliseconds(seconds: &[f64]) -> Summary {
    let samples: Vec<f64> = seconds.iter().map(|s| s * 1e3).collect();
    Summary::of(&samples)
}

fn prefill_speeds(records: &[&Record], latencies: &[Latencies]) -> Vec<f64> {
    let pairs = records.iter().zip(latencies);
    let speed = |(record, l): (&&Record, &Latencies)| {
        let seconds = l.prefill.filter(|&seconds| seconds > 0.0)?;
        Some(record.prompt_tokens as f64 / seconds)
    };
    pairs.filter_map(speed).collect()
}

/// The most requests under way at one moment; one that begins where another ends is not beside
/// it.
pub fn most_at_once(outcome: &Outcome) -> usize {
    let ends = |r: &Record| [(r.sent_s, 1), (r.sent_s + Latencies::of(r).e2el, -1)];
    let mut events: Vec<(f64, i64)> = succeeded(outcome).flat_map(ends).collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut now = 0;
    let counts = events.into_iter().map(|(_, change)| {
        now += change;
        now
    });
    counts
        .max()
        .map_or(0, |most| usize::try_from(most).unwrap_or(0))
}

/// The most pieces of answers in one second, counted in whole seconds from the first sending.
pub fn busiest_second(outcome: &Outcome) -> f64 {
    let sent = succeeded(outcome).map(|r| r.sent_s);
    let first = sent.fold(f64::INFINITY, f64::min);
    let mut seconds = std::collections::BTreeMap::new();
    for at in succeeded(outcome).flat_map(|r| &r.tokens_s) {
        *seconds.entry((at - first).max(0.0) as u64).or_insert(0_u32) += 1;
    }
    seconds.into_values().max().map_or(0.0, f64::from)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
