//! Statistics, as numpy defines them, so that figures compare with those of vLLM's bench tool.

use serde::Serialize;

/// The percentile `p` (0 to 100) of samples in rising order: the value at rank
/// `p / 100 · (n − 1)`, with linear interpolation between neighbours (numpy's default, `linear`).
/// NaN without samples.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = p.clamp(0.0, 100.0) / 100.0 * last as f64;
    let below = rank.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low + (high - low) * (rank - below as f64)
}

/// The middle of samples in any order: percentile 50.
pub fn median(samples: &[f64]) -> f64 {
    percentile(&sorted(samples), 50.0)
}

/// The arithmetic mean; NaN without samples.
pub fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

/// The standard deviation of the samples themselves (numpy's default, `ddof = 0`).
pub fn deviation(samples: &[f64]) -> f64 {
    let mean = mean(samples);
    let squares: f64 = samples.iter().map(|x| (x - mean) * (x - mean)).sum();
    (squares / samples.len() as f64).sqrt()
}

/// The samples in rising order.
pub fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// What the samples of one round are summed up to; NaN without samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// The 50th percentile.
    pub median: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Summary {
    /// Sums up samples in any order.
    pub fn of(samples: &[f64]) -> Self {
        let sorted = sorted(samples);
        Self {
            mean: mean(&sorted),
            std: deviation(&sorted),
            median: percentile(&sorted, 50.0),
            p90: percentile(&sorted, 90.0),
            p99: percentile(&sorted, 99.0),
        }
    }
}

/// One figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median of the rounds.
    pub median: f64,
    /// The lowest round.
    pub low: f64,
    /// The highest round.
    pub high: f64,
}

impl Spread {
    /// The spread of one figure, given for each round. Rounds without a figure (NaN) are left
    /// out; `None` if there is no other.
    pub fn of(rounds: &[f64]) -> Option<Self> {
        let known: Vec<_> = rounds.iter().copied().filter(|x| x.is_finite()).collect();
        let sorted = sorted(&known);
        Some(Self {
            median: percentile(&sorted, 50.0),
            low: *sorted.first()?,
            high: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    /// The figures are numpy's (2.3, `np.percentile`, `np.std`).
    #[test]
    fn percentiles_are_those_of_numpy() {
        let five = [15.0, 20.0, 35.0, 40.0, 50.0];
        for (p, expected) in [
            (0.0, 15.0),
            (40.0, 29.0),
            (50.0, 35.0),
            (90.0, 46.0),
            (99.0, 49.6),
            (100.0, 50.0),
        ] {
            near(percentile(&five, p), expected);
        }
        near(percentile(&[1.0, 2.0, 3.0, 4.0], 90.0), 3.7);
        near(percentile(&[7.0], 99.0), 7.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn a_summary_needs_no_order() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]);
        near(summary.mean, 2.5);
        near(summary.std, 1.118_033_988_749_895);
        near(summary.median, 2.5);
        near(summary.p90, 3.7);
        near(summary.p99, 3.97);
        assert!(Summary::of(&[]).mean.is_nan());
    }

    #[test]
    fn a_spread_leaves_out_rounds_without_a_figure() {
        let spread = Spread::of(&[3.0, f64::NAN, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!((spread.median, spread.low, spread.high), (2.5, 1.0, 9.0));
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn percentiles_rise_and_stay_within_the_samples(
            samples in prop::collection::vec(-1e6..1e6_f64, 1..50),
            p in 0.0..100.0_f64,
            q in 0.0..100.0_f64,
        ) {
            let sorted = sorted(&samples);
            let (low, high) = (percentile(&sorted, p.min(q)), percentile(&sorted, p.max(q)));
            prop_assert!(low <= high + 1e-9);
            prop_assert!(sorted[0] <= low + 1e-9 && high <= sorted[sorted.len() - 1] + 1e-9);
        }
    }
}
