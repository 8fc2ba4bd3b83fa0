//! From figures to places on a plot, and the round numbers that stand beside it.

/// An axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// From 0 to a round number that none of the figures exceeds.
    pub(super) fn linear(figures: impl IntoIterator<Item = f64>) -> Self {
        let most = figures
            .into_iter()
            .filter(|x| x.is_finite())
            .fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most);
        Self {
            kind: Kind::Linear,
            low: 0.0,
            high: (most / step).ceil() * step,
        }
    }

    /// From the smallest figure over 0 to the largest, at least a factor of 2.
    pub(super) fn logarithmic(figures: impl IntoIterator<Item = f64>) -> Self {
        let figures = figures.into_iter().filter(|x| x.is_finite() && *x > 0.0);
        let (low, high) = figures.fold((f64::INFINITY, 0.0), |(low, high), x| {
            (f64::min(low, x), f64::max(high, x))
        });
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        Self {
            kind: Kind::Logarithmic,
            low: low / 1.05,
            high: (high * 1.05).max(low * 2.0),
        }
    }

    /// Where a figure stands: 0 at the low end, 1 at the high one. What is beyond is put there.
    pub(super) fn place(&self, figure: f64) -> f64 {
        let place = match self.kind {
            Kind::Linear => (figure - self.low) / (self.high - self.low),
            Kind::Logarithmic => {
                (figure.max(self.low) / self.low).ln() / (self.high / self.low).ln()
            }
        };
        if place.is_nan() {
            0.0
        } else {
            place.clamp(0.0, 1.0)
        }
    }

    /// Round numbers within the axis.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = round_step(self.high);
                let count = (self.high / step).round() as usize;
                (0..=count).map(|i| i as f64 * step).collect()
            }
            Kind::Logarithmic => self.logarithmic_ticks(),
        }
    }

    /// 1, 2 and 5 of each decade; over many decades only the 1.
    fn logarithmic_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 2.5 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let (from, to) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let all = (from..=to).flat_map(|decade| steps.iter().map(move |s| s * 10_f64.powi(decade)));
        all.filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides up to `most` into four to ten parts.
fn round_step(most: f64) -> f64 {
    let rough = most / 5.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    steps
        .into_iter()
        .find(|&step| step >= rough)
        .unwrap_or(rough)
}

/// A round number as it stands at an axis.
pub(super) fn tick_text(tick: f64) -> String {
    match tick {
        t if t >= 1e6 => format!("{}M", trimmed(t / 1e6)),
        t if t >= 1e4 => format!("{}k", trimmed(t / 1e3)),
        t => trimmed(t),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_ends_at_a_round_number() {
        let scale = Scale::linear([3.0, 87.0, f64::NAN]);
        assert_eq!(scale.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(
            [0.0, 50.0, 100.0, 500.0].map(|x| scale.place(x)),
            [0.0, 0.5, 1.0, 1.0]
        );
        assert_eq!(Scale::linear([]).ticks().last(), Some(&1.0));
    }

    #[test]
    fn a_logarithmic_axis_has_ticks_inside_itself() {
        let scale = Scale::logarithmic([0.0, 3.0, 130.0]);
        assert_eq!(scale.ticks(), [5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(scale.place(-1.0), 0.0);
        assert!((scale.place(19.75) - 0.5).abs() < 0.01);
        for figures in [vec![], vec![5.0], vec![f64::NAN]] {
            let scale = Scale::logarithmic(figures);
            assert!(!scale.ticks().is_empty(), "{scale:?}");
            assert!((0.0..=1.0).contains(&scale.place(5.0)));
        }
        assert_eq!(
            Scale::logarithmic([1.0, 1e4]).ticks(),
            [1.0, 10.0, 100.0, 1e3, 1e4]
        );
    }

    #[test]
    fn ticks_are_short() {
        let texts = [0.0, 0.05, 2.5, 500.0, 20_000.0, 1e6].map(tick_text);
        assert_eq!(texts, ["0", "0.05", "2.5", "500", "20k", "1M"]);
    }
}
