//! What was measured, in the forms in which it is read.

mod about;
mod html;
mod json;
mod llama_bench;
mod measure;
mod tables;
mod text;

#[cfg(test)]
mod tests;

pub use about::{About, Format, Machine, Model, ModelFile};
pub use measure::Measure;

use crate::bench::{Entrant, Measured, Plan, Run};
use crate::load::Load;
use crate::stats::Spread;

/// A bench with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// On what, of what and with what.
    pub about: About,
    /// What was planned.
    pub plan: Plan,
    /// What was measured.
    pub measured: Measured,
}

impl Report {
    /// The tables as plain text for a terminal.
    pub fn to_text(&self) -> String {
        text::terminal(self)
    }

    /// The same as Markdown, led by a table like that of `llama-bench`.
    pub fn to_markdown(&self) -> String {
        text::markdown(self)
    }

    /// JSON: the circumstances, each run with the keys of `vllm bench serve --save-result
    /// --save-detailed`, the figures over the rounds, and the ratios.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// A page that needs nothing from elsewhere.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Whether nothing could be measured.
    pub fn is_empty(&self) -> bool {
        self.measured.runs.is_empty()
    }

    /// The runs of a contender under a load, in the order of the rounds.
    fn runs(&self, entrant: usize, load: usize) -> impl Iterator<Item = &Run> {
        let runs = self.measured.runs.iter();
        runs.filter(move |run| run.entrant == entrant && run.load == load)
    }

    /// A measure over the rounds.
    fn spread(&self, entrant: usize, load: usize, measure: &Measure) -> Option<Spread> {
        let rounds: Vec<f64> = self.runs(entrant, load).map(measure.of).collect();
        Spread::of(&rounds)
    }

    /// A measure over that of another contender: for each round in which both were measured.
    fn ratios(&self, entrant: usize, over: usize, load: usize, measure: &Measure) -> Vec<f64> {
        let pair = |run: &Run| {
            let other = self.runs(over, load).find(|o| o.round == run.round)?;
            Some((measure.of)(run) / (measure.of)(other)).filter(|ratio| ratio.is_finite())
        };
        self.runs(entrant, load).filter_map(pair).collect()
    }

    /// Every contender under every load, by their indices, with what was measured of them.
    fn cells(&self) -> impl Iterator<Item = (usize, usize)> {
        let loads = self.plan.loads.len();
        let entrants = self.measured.entrants.len();
        let cells = (0..loads).flat_map(move |load| (0..entrants).map(move |e| (e, load)));
        cells.filter(|&(entrant, load)| self.runs(entrant, load).next().is_some())
    }

    fn label(&self, entrant: usize) -> &str {
        &self.measured.entrants[entrant].label
    }

    fn load(&self, load: usize) -> &Load {
        &self.plan.loads[load]
    }

    /// What a reader must know to judge the figures.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "Figures are the median of {} round{}, with the lowest and the highest. The load \
             average was {} before and {} after: well over the threads in use, the machine was \
             busy with something else too.",
            self.plan.rounds,
            if self.plan.rounds == 1 { "" } else { "s" },
            figure_or_unknown(self.about.load_average[0]),
            figure_or_unknown(self.about.load_average[1]),
        )];
        if !self.about.energy_is_metered {
            notes.push("This machine does not tell how much energy it takes.".to_owned());
        }
        if self.measured.repeated_prompts {
            notes.push(
                "Some prompts were asked more than once: an engine that caches prefixes may have \
                 read them faster."
                    .to_owned(),
            );
        }
        notes.extend(self.measured.entrants.iter().flat_map(otherwise));
        if self.about.profile != "release" {
            let profile = &self.about.profile;
            notes.push(format!("The program is a {profile} build: it is slow."));
        }
        notes.extend(self.cells().filter_map(|cell| self.failures(cell)));
        notes
    }

    /// How many requests of a contender under a load failed, and why the first did.
    fn failures(&self, (entrant, load): (usize, usize)) -> Option<String> {
        let requests = || {
            self.runs(entrant, load)
                .flat_map(|run| &run.outcome.requests)
        };
        let mut errors = requests().filter_map(|request| request.error.as_ref());
        let first = errors.next()?;
        Some(format!(
            "{} {}: {} of {} requests failed and do not count, the first because {first}",
            self.label(entrant),
            self.load(load),
            errors.count() + 1,
            requests().count(),
        ))
    }
}

/// In what a contender was asked otherwise than planned.
fn otherwise(entrant: &Entrant) -> Vec<String> {
    let Some(ready) = &entrant.ready else {
        return Vec::new();
    };
    let label = &entrant.label;
    let mut notes = Vec::new();
    if !ready.token_prompts {
        notes.push(format!(
            "{label} takes text only: its prompts may have a few tokens more or less."
        ));
    }
    if !ready.exact_length {
        notes.push(format!(
            "{label} stops at the model's end token: its answers may be shorter."
        ));
    }
    notes
}

fn figure_or_unknown(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), measure::figure)
}
