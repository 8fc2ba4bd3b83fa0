//! What is told of it.

use std::fmt::Write;

use serde::Serialize;

use super::answers::Answers;
use super::compare::{Difference, Divergence};

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    model: String,
    /// The engine that the others are compared with.
    reference: String,
    reference_device: String,
    engines: Vec<Difference>,
    tolerance: Tolerance,
    pub(super) agrees: bool,
}

/// How much engines may differ.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Tolerance {
    pub(super) min_agreement_percent: f64,
    pub(super) max_mean_difference: Option<f64>,
}

impl Tolerance {
    fn holds(self, found: &Difference) -> bool {
        let most = self.max_mean_difference.unwrap_or(f64::INFINITY);
        found.top1_agreement_percent >= self.min_agreement_percent && found.mean_difference <= most
    }
}

impl Report {
    /// Compares the others with the first.
    pub(super) fn new(
        model: &str,
        first: &Answers,
        others: &[Answers],
        tolerance: Tolerance,
    ) -> Self {
        let engines: Vec<_> = others
            .iter()
            .map(|other| Difference::new(first, other))
            .collect();
        Self {
            model: model.to_owned(),
            reference: first.engine.clone(),
            reference_device: first.device.clone(),
            agrees: engines.iter().all(|engine| tolerance.holds(engine)),
            engines,
            tolerance,
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "{}, compared with {} on {}\n",
            self.model, self.reference, self.reference_device
        );
        for engine in &self.engines {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{}", shown(engine));
        }
        let verdict = if self.agrees {
            "they agree"
        } else {
            "they do not agree"
        };
        text + &format!("\n{verdict} ({})\n", bounds(self.tolerance))
    }
}

fn shown(engine: &Difference) -> String {
    let rows = [
        ("positions, teacher-forced", engine.positions.to_string()),
        (
            "same most probable token",
            format!("{:.2} %", engine.top1_agreement_percent),
        ),
        (
            "log-probability, mean difference",
            format!("{:.5}", engine.mean_difference),
        ),
        (
            "log-probability, largest difference",
            format!("{:.5}", engine.largest_difference),
        ),
        (
            "same greedy answers",
            format!("{} of {}", engine.same_answers, engine.answers),
        ),
        ("first divergence", place(engine.first_divergence)),
    ];
    let lines = rows.map(|(name, value)| format!("  {name:<36}{value}\n"));
    format!("{} on {}\n{}", engine.engine, engine.device, lines.concat())
}

fn place(divergence: Option<Divergence>) -> String {
    match divergence {
        Some(Divergence { prompt, token }) => format!("prompt {prompt}, token {token}"),
        None => "none".to_owned(),
    }
}

fn bounds(tolerance: Tolerance) -> String {
    let agreement = format!(
        "at least {} % the same token",
        tolerance.min_agreement_percent
    );
    match tolerance.max_mean_difference {
        Some(most) => format!("{agreement}, and a mean difference of at most {most}"),
        None => agreement,
    }
}
