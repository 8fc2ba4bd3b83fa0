//! How long things took, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use histogram::{AtomicHistogram, Config, Histogram};
use stream_core::{Latencies, Summary, Timings};

use super::meters::{self, Labels};

/// Sixteen buckets for every power of two: no wider than one sixteenth of what they hold.
const GROUPING_POWER: u8 = 4;
/// 2⁴² nanoseconds are more than an hour; what takes longer counts as that.
const MAX_POWER: u8 = 42;
const BUCKETS: Config = match Config::new(GROUPING_POWER, MAX_POWER) {
    Ok(config) => config,
    Err(_) => panic!("the one is smaller than the other, and that no more than 64"),
};

/// A histogram of durations, and the same for whoever listens to the `metrics` crate.
pub(super) struct Timer {
    buckets: AtomicHistogram,
    nanoseconds: AtomicU64,
    meter: metrics::Histogram,
}

impl Timer {
    fn new(meter: metrics::Histogram) -> Self {
        Self {
            buckets: AtomicHistogram::with_config(&BUCKETS),
            nanoseconds: AtomicU64::new(0),
            meter,
        }
    }

    pub(super) fn record(&self, time: Duration) {
        self.record_many(time, 1);
    }

    fn record_many(&self, time: Duration, times: u64) {
        let longest = (1 << MAX_POWER) - 1;
        let nanoseconds = u64::try_from(time.as_nanos()).map_or(longest, |n| n.min(longest));
        // It is not out of range.
        let _ = self.buckets.add(nanoseconds, times);
        let all = nanoseconds.saturating_mul(times);
        self.nanoseconds.fetch_add(all, Ordering::Relaxed);
        self.meter.record_many(time, times as usize);
    }

    fn summary(&self) -> Summary {
        let buckets = self.buckets.load();
        let count: u64 = buckets.as_slice().iter().sum();
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        Summary {
            count,
            mean: Duration::from_nanos(nanoseconds.checked_div(count).unwrap_or(0)),
            p50: quantile(&buckets, 0.5),
            p90: quantile(&buckets, 0.9),
            p99: quantile(&buckets, 0.99),
        }
    }
}

/// The same duration again and again: the rows of a step share the time since the step before, so
/// that a whole step is recorded at once.
#[derive(Debug, Default)]
pub(super) struct Run {
    time: Duration,
    times: u64,
}

impl Run {
    pub(super) fn add(&mut self, time: Duration, timer: &Timer) {
        if time != self.time {
            self.end(timer);
            self.time = time;
        }
        self.times += 1;
    }

    /// Records what was added.
    pub(super) fn end(&mut self, timer: &Timer) {
        if self.times > 0 {
            timer.record_many(self.time, std::mem::take(&mut self.times));
        }
    }
}

fn quantile(buckets: &Histogram, quantile: f64) -> Duration {
    let bucket = buckets.quantile_bucket(quantile).ok().flatten();
    Duration::from_nanos(bucket.map_or(0, |bucket| bucket.end()))
}

/// A timer for each of the [`Latencies`].
pub(super) struct Timers {
    queue: Timer,
    time_to_first_token: Timer,
    pub(super) inter_token: Timer,
    end_to_end: Timer,
    pub(super) step: Timer,
}

impl Timers {
    pub(super) fn new(labels: &Labels) -> Self {
        let timer = |metric| Timer::new(labels.histogram(metric));
        Self {
            queue: timer(meters::QUEUE),
            time_to_first_token: timer(meters::TIME_TO_FIRST_TOKEN),
            inter_token: timer(meters::INTER_TOKEN),
            end_to_end: timer(meters::END_TO_END),
            step: timer(meters::STEP),
        }
    }

    /// Counts what is known of a request that ends now or has ended before.
    pub(super) fn record_request(&self, timings: &Timings) {
        if let Some(time) = timings.queue_time() {
            self.queue.record(time);
        }
        if let Some(time) = timings.time_to_first_token() {
            self.time_to_first_token.record(time);
        }
        let ended = timings.ended.unwrap_or_else(Instant::now);
        self.end_to_end.record(ended.duration_since(timings.queued));
    }

    pub(super) fn latencies(&self) -> Latencies {
        Latencies {
            queue: self.queue.summary(),
            time_to_first_token: self.time_to_first_token.summary(),
            inter_token: self.inter_token.summary(),
            end_to_end: self.end_to_end.summary(),
            step: self.step.summary(),
        }
    }
}
