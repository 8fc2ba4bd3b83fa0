//! What the measurements share: series of samples, and the table that they end in.
//!
//! Engines that are compared are measured in turns, round after round, so that whatever else the
//! machine does falls on all of them alike; a ratio is taken within a round.
#![forbid(unsafe_code)]

pub mod bandwidth;
pub mod free;
pub mod readers;
pub mod sample_text;
pub mod steps;
pub mod threads;

use std::time::Instant;

/// Samples of one quantity, one from each round.
#[derive(Debug, Clone, Default)]
pub struct Series {
    samples: Vec<f64>,
}

impl Series {
    /// Adds a round's sample.
    pub fn push(&mut self, sample: f64) {
        self.samples.push(sample);
    }

    /// The middle sample, or the mean of the two in the middle; NaN without samples.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let half = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 0 => (sorted[half - 1] + sorted[half]) / 2.0,
            _ => sorted[half],
        }
    }

    /// The smallest and the largest sample; NaN without samples.
    pub fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let end = |sample: Option<&f64>| sample.copied().unwrap_or(f64::NAN);
        (end(sorted.first()), end(sorted.last()))
    }

    /// The smallest sample that so large a share of all, from 0 to 1, does not exceed; NaN without
    /// samples.
    pub fn quantile(&self, share: f64) -> f64 {
        let sorted = self.sorted();
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// Adds all samples of another series.
    pub fn extend(&mut self, other: Self) {
        self.samples.extend(other.samples);
    }

    /// What `f` makes of each round's sample.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            samples: self.samples.iter().copied().map(f).collect(),
        }
    }

    /// Each round's sample over that of `other` in the same round.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let pairs = self.samples.iter().zip(&other.samples);
        Self {
            samples: pairs.map(|(a, b)| a / b).collect(),
        }
    }

    /// `median (smallest–largest)` with so many decimals.
    pub fn summary(&self, decimals: usize) -> String {
        let (low, high) = self.range();
        let median = self.median();
        format!("{median:.decimals$} ({low:.decimals$}–{high:.decimals$})")
    }

    /// `median (from–to)` with so many decimals, where the true median lies between the two 95 times
    /// in 100: the samples 0.98 √n places below and above the middle, by the normal approximation
    /// of the sign test's binomial.
    pub fn certainty(&self, decimals: usize) -> String {
        let count = self.samples.len() as f64;
        let half = 0.98 / count.sqrt();
        let [low, high] =
            [0.5 - half, 0.5 + half].map(|share| self.quantile(share.clamp(0.0, 1.0)));
        let median = self.median();
        format!("{median:.decimals$} ({low:.decimals$}–{high:.decimals$})")
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// How often a second something was done that `work` does `count` times.
pub fn per_second(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().as_secs_f64()
}

/// A Markdown table.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<_> = header.iter().map(ToString::to_string).collect();
    let rule = vec!["---".to_owned(); header.len()];
    let body: String = rows.iter().map(|row| line(row)).collect();
    line(&header) + &line(&rule) + &body
}

/// How many rounds this program is asked for: `--rounds 9`, or else as many as it likes itself.
///
/// # Errors
/// If no number follows `--rounds`.
pub fn rounds(otherwise: usize) -> Result<usize, String> {
    let number = argument("--rounds").map(|number| number.parse());
    number
        .unwrap_or(Ok(otherwise))
        .map_err(|_| "--rounds needs a number".to_owned())
}

/// What follows an option on the command line; empty where nothing does.
pub fn argument(option: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != option);
    arguments.next()?;
    Some(arguments.next().unwrap_or_default())
}

/// The load average of the last minute, where the system tells it: a figure taken on a busy
/// machine is worth little.
pub fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[f64]) -> Series {
        let mut series = Series::default();
        samples.iter().for_each(|&sample| series.push(sample));
        series
    }

    #[test]
    fn a_series_is_summed_up_by_its_middle_and_its_ends() {
        assert_eq!(series(&[3.0, 1.0, 2.0]).summary(1), "2.0 (1.0–3.0)");
        assert_eq!(series(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(series(&[]).median().is_nan());
    }

    #[test]
    fn a_quantile_is_a_sample() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let quantiles = [0.0, 0.5, 0.99, 1.0].map(|share| series(&hundred).quantile(share));
        assert_eq!(quantiles, [1.0, 50.0, 99.0, 100.0]);
        assert!(series(&[]).quantile(0.5).is_nan());
    }

    #[test]
    fn a_median_is_as_certain_as_its_rounds_are_many() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(series(&hundred).certainty(1), "50.5 (41.0–60.0)");
        assert_eq!(series(&[7.0]).certainty(0), "7 (7–7)");
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let ratio = series(&[2.0, 9.0]).over(&series(&[1.0, 3.0]));
        assert_eq!(ratio.range(), (2.0, 3.0));
    }

    #[test]
    fn a_table_is_markdown() {
        let rows = [vec!["x".to_owned(), "y".to_owned()]];
        assert_eq!(
            table(&["a", "b"], &rows),
            "| a | b |\n| --- | --- |\n| x | y |\n"
        );
    }
}
