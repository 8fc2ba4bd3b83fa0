//! How requests come.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How the requests of a round come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Closed loop: so many clients, each with its next question once it has its answer.
    Closed {
        /// Clients.
        concurrency: usize,
    },
    /// Open loop: questions come when they come, as a Poisson process.
    Open {
        /// Requests per second.
        rate: Rate,
    },
    /// Open loop: questions come when a recorded trace says so.
    Trace,
}

impl Load {
    /// Requests in a round, where nothing else is said: two for each client and at least 8; of an
    /// open loop, 32.
    pub fn usual_requests(&self) -> usize {
        match self {
            Self::Closed { concurrency } => (2 * concurrency).max(8),
            Self::Open { .. } | Self::Trace => 32,
        }
    }

    /// The most requests under way at once, if the load bounds them.
    pub fn concurrency(&self) -> Option<usize> {
        match self {
            Self::Closed { concurrency } => Some(*concurrency),
            Self::Open { .. } | Self::Trace => None,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { concurrency } => write!(f, "c={concurrency}"),
            Self::Open { rate } => write!(f, "rate={rate}"),
            Self::Trace => f.write_str("trace"),
        }
    }
}

/// Requests per second; infinite is all at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// Requests per second.
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// The arrival times of `count` requests, in seconds from the start: the sums of independent
    /// exponential times, which make a Poisson process. All are 0 for an infinite rate.
    pub fn arrivals(self, count: usize, draws: &mut fastrand::Rng) -> Vec<f64> {
        let mut at = 0.0;
        let next = |_| {
            // From 0 (included) to 1 (excluded), so that the logarithm is finite.
            at += -(1.0 - draws.f64()).ln() / self.0;
            at
        };
        (0..count).map(next).collect()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A number, or `inf`, as in vLLM's bench tool.
impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_finite() {
            true => serializer.serialize_f64(self.0),
            false => serializer.serialize_str("inf"),
        }
    }
}

/// A rate that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate must be requests per second over 0, or `inf` for all at once")]
pub struct BadRate;

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let rate: f64 = text.trim().parse().map_err(|_| BadRate)?;
        (rate > 0.0).then_some(Self(rate)).ok_or(BadRate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn arrivals_are_a_poisson_process_that_a_seed_repeats() {
        let draw = |seed| rate("4").arrivals(20_000, &mut fastrand::Rng::with_seed(seed));
        let times = draw(1);
        assert_eq!(times, draw(1));
        assert_ne!(times, draw(2));
        let gaps: Vec<f64> = std::iter::once(times[0])
            .chain(times.windows(2).map(|pair| pair[1] - pair[0]))
            .collect();
        assert!(gaps.iter().all(|&gap| gap >= 0.0));
        // Of an exponential distribution the mean and the deviation are both 1 / rate; 20,000
        // draws of a fixed seed come within a few hundredths of it.
        let (mean, deviation) = (crate::stats::mean(&gaps), crate::stats::deviation(&gaps));
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
        assert!((deviation - 0.25).abs() < 0.01, "{deviation}");
    }

    #[test]
    fn an_infinite_rate_is_all_at_once() {
        let times = rate("inf").arrivals(3, &mut fastrand::Rng::with_seed(1));
        assert_eq!(times, [0.0; 3]);
        let written = serde_json::to_string(&[rate("inf"), rate("2.5")]).unwrap();
        assert_eq!(written, "[\"inf\",2.5]");
    }

    #[test]
    fn rates_that_cannot_be() {
        for bad in ["0", "-1", "nan", "", "fast"] {
            assert_eq!(bad.parse::<Rate>(), Err(BadRate), "{bad}");
        }
    }

    #[test]
    fn loads_are_named() {
        let loads = [
            Load::Closed { concurrency: 8 },
            Load::Open { rate: rate("0.5") },
            Load::Open { rate: rate("inf") },
            Load::Trace,
        ];
        assert_eq!(
            loads.map(|load| load.to_string()),
            ["c=8", "rate=0.5", "rate=inf", "trace"]
        );
    }
}
