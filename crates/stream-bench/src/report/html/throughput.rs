//! Throughput against latency: what each contender gives at each load, and what a stream waits
//! for its tokens then.

use super::chart::Chart;
use super::scale::Scale;
use super::{Report, colour, escape};
use crate::report::measure::{LATENCIES, SPEEDS};
use crate::stats::Spread;

/// A contender under a load.
struct Point {
    load: usize,
    latency: Spread,
    speed: Spread,
}

pub(super) fn figure(report: &Report) -> String {
    let lines: Vec<_> = (0..report.measured.entrants.len())
        .map(|entrant| points(report, entrant))
        .collect();
    let all = || lines.iter().flatten();
    let chart = Chart {
        x: Scale::linear(all().map(|p| p.latency.high)),
        y: Scale::linear(all().map(|p| p.speed.high)),
        x_title: "time per output token, ms (median)",
        y_title: "output tokens per second",
    };
    let lines = lines.iter().enumerate();
    let body = lines.map(|(entrant, points)| line(report, &chart, entrant, points));
    chart.figure(
        "Throughput against latency",
        "Each point is a load, with the spread of the rounds; up and to the left is better.",
        &body.collect::<String>(),
    )
}

fn points(report: &Report, entrant: usize) -> Vec<Point> {
    let (output, [_, median_tpot, ..]) = (SPEEDS[1], LATENCIES[2].figures);
    let loads = 0..report.plan.loads.len();
    let point = |load| {
        Some(Point {
            load,
            latency: report.spread(entrant, load, &median_tpot)?,
            speed: report.spread(entrant, load, &output)?,
        })
    };
    loads.filter_map(point).collect()
}

fn line(report: &Report, chart: &Chart, entrant: usize, points: &[Point]) -> String {
    let places: Vec<_> = points
        .iter()
        .map(|p| (p.latency.median, p.speed.median))
        .collect();
    let label = report.label(entrant);
    let dots = points.iter().map(|point| dot(report, chart, label, point));
    let whiskers: String = points.iter().map(|point| whisker(chart, point)).collect();
    format!(
        "<g class=\"{}\">{whiskers}<polyline class=\"line\" points=\"{}\"/>\n{}</g>\n",
        colour(entrant),
        chart.points(&places),
        dots.collect::<String>()
    )
}

/// A point with its load beside it.
fn dot(report: &Report, chart: &Chart, label: &str, point: &Point) -> String {
    let (latency, speed) = (point.latency.median, point.speed.median);
    let (x, y) = (chart.x_at(latency), chart.y_at(speed));
    let load = report.load(point.load);
    // Near the right edge the text stands on the left.
    let (side, anchor) = if chart.x.place(latency) > 0.85 {
        (-8.0, "end")
    } else {
        (8.0, "start")
    };
    format!(
        "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\">\
         <title>{} {load}: {speed:.1} tok/s, {latency:.2} ms per token</title></circle>\
         <text class=\"point\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{load}</text>\n",
        escape(label),
        x + side,
        y - 7.0,
    )
}

/// The spread of the rounds, both ways.
fn whisker(chart: &Chart, Point { latency, speed, .. }: &Point) -> String {
    let (x, y) = (chart.x_at(latency.median), chart.y_at(speed.median));
    let (left, right) = (chart.x_at(latency.low), chart.x_at(latency.high));
    let (low, high) = (chart.y_at(speed.low), chart.y_at(speed.high));
    format!("<path class=\"spread\" d=\"M{left:.1} {y:.1}H{right:.1}M{x:.1} {low:.1}V{high:.1}\"/>")
}
