//! What the system tells of this process; Linux does.

use std::time::{Duration, Instant};

use crate::books::PATIENCE;

/// The most that memory may grow, in kB a minute.
const MOST_GROWTH: f64 = 1024.0;
/// The shortest run in which growth can be told from noise.
const SHORTEST: Duration = Duration::from_secs(60);

/// A number of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How many threads there are.
pub(crate) fn threads() -> Option<u64> {
    status("Threads")
}

/// Waits until it is so, for a while.
pub(crate) fn settle(is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Samples of the resident memory.
pub(crate) struct Memory {
    start: Instant,
    time: Duration,
    /// Minutes since the start, and kB.
    samples: Vec<(f64, f64)>,
}

impl Memory {
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            start: Instant::now(),
            time,
            samples: Vec::with_capacity(2 * time.as_secs() as usize + 2),
        }
    }

    pub(crate) fn sample(&mut self) {
        let minutes = self.start.elapsed().as_secs_f64() / 60.0;
        self.samples
            .extend(status("VmRSS").map(|kb| (minutes, kb as f64)));
    }

    pub(crate) fn now(&self) -> String {
        let last = self.samples.last();
        last.map_or("memory unknown".to_owned(), |(_, kb)| {
            format!("{:.1} MB", kb / 1024.0)
        })
    }

    /// kB a minute after the first third, by least squares.
    fn growth(&self) -> Option<f64> {
        let warm = &self.samples[self.samples.len() / 3..];
        let n = warm.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| warm.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|s| s.0), mean(|s| s.1));
        let spread: f64 = warm.iter().map(|s| (s.0 - x).powi(2)).sum();
        let slope: f64 = warm.iter().map(|s| (s.0 - x) * (s.1 - y)).sum();
        (warm.len() > 2).then(|| slope / spread)
    }

    pub(crate) fn summary(&self) -> String {
        let growth = self
            .growth()
            .map_or("unknown".to_owned(), |kb| format!("{kb:.0} kB a minute"));
        format!(
            "memory {}; growth after the first third: {growth}",
            self.now()
        )
    }

    pub(crate) fn breach(&self) -> Option<String> {
        let growth = self.growth()?;
        let judged = self.time >= SHORTEST && growth > MOST_GROWTH;
        judged.then(|| format!("memory grows by {growth:.0} kB a minute"))
    }
}
