//! What counts as good service: limits to a request's latencies.

use serde::Serialize;

use crate::metrics::Latencies;

/// Limits that a request keeps or not, in milliseconds, as `vllm bench serve --goodput` has them.
/// A limit that is not set is kept.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Goal {
    /// Time to first token.
    pub ttft: Option<f64>,
    /// Time per output token; an answer of one token has none, which counts as 0.
    pub tpot: Option<f64>,
    /// End-to-end latency.
    pub e2el: Option<f64>,
}

/// A limit that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no goal: it must be ttft, tpot or e2el, a colon, and milliseconds, as ttft:200")]
pub struct BadGoal(String);

impl Goal {
    /// Reads limits, each as `ttft:200`; of two for one latency the later counts.
    ///
    /// # Errors
    /// If one is no known latency with a number of milliseconds that is not negative.
    pub fn parse<S: AsRef<str>>(limits: impl IntoIterator<Item = S>) -> Result<Self, BadGoal> {
        let mut goal = Self::default();
        for limit in limits {
            let bad = || BadGoal(limit.as_ref().to_owned());
            let (name, milliseconds) = limit.as_ref().split_once(':').ok_or_else(bad)?;
            let milliseconds: f64 = milliseconds.parse().map_err(|_| bad())?;
            if !(milliseconds.is_finite() && milliseconds >= 0.0) {
                return Err(bad());
            }
            match name {
                "ttft" => goal.ttft = Some(milliseconds),
                "tpot" => goal.tpot = Some(milliseconds),
                "e2el" => goal.e2el = Some(milliseconds),
                _ => return Err(bad()),
            }
        }
        Ok(goal)
    }

    /// Whether there is any limit.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Whether a request that ended well kept all limits.
    pub fn is_kept(&self, request: &Latencies) -> bool {
        let within = |limit: Option<f64>, seconds: Option<f64>| match (limit, seconds) {
            (None, _) => true,
            (Some(limit), Some(seconds)) => seconds * 1e3 <= limit,
            (Some(_), None) => false,
        };
        within(self.ttft, request.ttft)
            && within(self.tpot, request.tpot.or(Some(0.0)))
            && within(self.e2el, Some(request.e2el))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_read_as_vllm_writes_them() {
        let goal = Goal::parse(["ttft:200", "tpot:50.5"]).unwrap();
        assert_eq!(
            (goal.ttft, goal.tpot, goal.e2el),
            (Some(200.0), Some(50.5), None)
        );
        assert!(!Goal::parse([""; 0]).unwrap().is_set());
        for bad in ["ttft", "itl:5", "ttft:", "ttft:-1", "ttft:inf", "tpot:fast"] {
            let error = Goal::parse([bad]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{bad}` is no goal")), "{error}");
        }
    }

    #[test]
    fn every_limit_must_be_kept() {
        let request = Latencies {
            ttft: Some(0.2),
            tpot: None,
            e2el: 1.0,
            queued: None,
            prefill: None,
        };
        let kept = |limits: &[&str]| Goal::parse(limits).unwrap().is_kept(&request);
        assert!(kept(&["ttft:200", "tpot:0", "e2el:1000"]));
        assert!(!kept(&["ttft:199"]));
        assert!(!kept(&["ttft:200", "e2el:999"]));
        let silent = Latencies {
            ttft: None,
            ..request
        };
        assert!(!Goal::parse(["ttft:200"]).unwrap().is_kept(&silent));
    }
}
