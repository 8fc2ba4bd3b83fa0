//! How long things took.

use std::time::Duration;

/// How long something took, over all times that it happened.
///
/// A percentile is the upper end of a bucket of a histogram: up to one sixteenth too long, never
/// too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// How often it happened; all else is zero if that is 0.
    pub count: u64,
    /// The mean, exact.
    pub mean: Duration,
    /// Half of the times it took no longer.
    pub p50: Duration,
    /// Nine of ten times it took no longer.
    pub p90: Duration,
    /// 99 of 100 times it took no longer.
    pub p99: Duration,
}

/// How long the parts of requests took, since the backend started. What belongs to a request is
/// counted when it ends, however it ends, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latencies {
    /// From submission to the first step.
    pub queue: Summary,
    /// From submission to the first token (TTFT).
    pub time_to_first_token: Summary,
    /// From the choice of a token to that of the next one of the same request; counted with each
    /// token.
    pub inter_token: Summary,
    /// From submission to the end.
    pub end_to_end: Summary,
    /// A step of the model, over all its rows; counted with each step.
    pub step: Summary,
}
