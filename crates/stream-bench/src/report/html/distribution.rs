//! Distributions of latencies: which part of all requests, or of all tokens, waited at most so
//! long. All rounds count together.

use super::chart::Chart;
use super::scale::Scale;
use super::{COLOURS, Report, colour, escape};
use crate::bench::Run;
use crate::metrics::{Latencies, inter_token, succeeded};
use crate::stats::{percentile, sorted};

/// Points of a curve.
const POINTS: usize = 200;

/// A latency whose distribution is shown.
struct Kind {
    name: &'static str,
    detail: &'static str,
    axis: &'static str,
    /// Samples of a run, in seconds.
    of: fn(&Run) -> Vec<f64>,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "Time to first token",
        detail: "Part of the requests that had their first token by then.",
        axis: "milliseconds (logarithmic)",
        of: |run| {
            let latencies = succeeded(&run.outcome).map(Latencies::of);
            latencies.filter_map(|l| l.ttft).collect()
        },
    },
    Kind {
        name: "Inter-token latency",
        detail: "Part of the tokens that came so soon after the one before.",
        axis: "milliseconds (logarithmic)",
        of: |run| succeeded(&run.outcome).flat_map(inter_token).collect(),
    },
];

/// A figure for each load and each kind of latency.
pub(super) fn figures(report: &Report) -> String {
    let loads = 0..report.plan.loads.len();
    let pairs = loads.flat_map(|load| KINDS.iter().map(move |kind| (load, kind)));
    pairs
        .filter_map(|(load, kind)| figure(report, load, kind))
        .collect()
}

fn figure(report: &Report, load: usize, kind: &Kind) -> Option<String> {
    let entrants = 0..report.measured.entrants.len();
    let curves: Vec<_> = entrants
        .map(|entrant| (entrant, samples(report, entrant, load, kind)))
        .filter(|(_, samples)| !samples.is_empty())
        .collect();
    if curves.is_empty() {
        return None;
    }
    // Two pieces that the reader finds at once have nearly no time between them: a hundredth of
    // the samples may stand at the left edge, so that the others have room.
    let ends = curves
        .iter()
        .flat_map(|(_, samples)| [1.0, 100.0].map(|p| percentile(samples, p)));
    let chart = Chart {
        x: Scale::logarithmic(ends),
        y: Scale::linear([100.0]),
        x_title: kind.axis,
        y_title: "percent",
    };
    let body = curves
        .iter()
        .map(|(entrant, samples)| curve(report, &chart, *entrant, samples));
    let title = format!("{}, {}", kind.name, report.load(load));
    Some(chart.figure(&title, kind.detail, &body.collect::<String>()))
}

/// In milliseconds, rising.
fn samples(report: &Report, entrant: usize, load: usize, kind: &Kind) -> Vec<f64> {
    let seconds = report.runs(entrant, load).flat_map(kind.of);
    sorted(&seconds.map(|s| s * 1e3).collect::<Vec<_>>())
}

fn curve(report: &Report, chart: &Chart, entrant: usize, samples: &[f64]) -> String {
    let points: Vec<_> = (0..=POINTS)
        .map(|i| i as f64 * 100.0 / POINTS as f64)
        .map(|percent| (percentile(samples, percent), percent))
        .collect();
    format!(
        "<g class=\"{}\"><polyline class=\"line d{}\" points=\"{}\"><title>{}</title></polyline></g>\n",
        colour(entrant),
        // Where colours begin again, dashes tell the curves apart.
        entrant / COLOURS,
        chart.points(&points),
        escape(report.label(entrant))
    )
}
