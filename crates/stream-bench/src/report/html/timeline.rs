//! The timeline of one run of each contender, under the last load: a bar for each request, with
//! its time in the queue, its prefill, and its decoding with a line for each token.

use super::scale::{Scale, tick_text};
use super::{Report, colour, escape};
use crate::bench::Run;
use crate::protocol::Record;

/// Requests that are shown.
const MOST: usize = 64;
const WIDTH: f64 = 920.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 40.0;
/// The height of a request, with the gap to the next.
const ROW: f64 = 11.0;
const BAR: f64 = 8.0;

pub(super) fn section(report: &Report) -> String {
    let Some(load) = report.plan.loads.len().checked_sub(1) else {
        return String::new();
    };
    let entrants = 0..report.measured.entrants.len();
    let runs = entrants.filter_map(|entrant| report.runs(entrant, load).last());
    let runs: Vec<&Run> = runs.collect();
    let ends = runs.iter().flat_map(|run| shown(run)).map(|r| r.ended_s);
    let time = Scale::linear(ends);
    let figures = runs.iter().map(|run| figure(report, run, &time));
    format!(
        "<section>\n<h2>Timeline, {}</h2>\n<p>The last round, a bar for each request in the order \
         in which they were due{}. All contenders have the same axis.</p>\n\
         <p class=\"key c0\"><span><b class=\"k0\"></b>waiting</span>\
         <span><b class=\"k1\"></b>prefill</span><span><b class=\"k2\"></b>decoding, a line for \
         each token</span></p>\n{}</section>\n",
        report.load(load),
        if runs.iter().any(|run| run.outcome.requests.len() > MOST) {
            format!("; the first {MOST} are shown")
        } else {
            String::new()
        },
        figures.collect::<String>()
    )
}

fn shown(run: &Run) -> impl Iterator<Item = &Record> {
    run.outcome.requests.iter().take(MOST)
}

fn figure(report: &Report, run: &Run, time: &Scale) -> String {
    let height = TOP + BOTTOM + ROW * shown(run).count() as f64;
    let bars = shown(run).enumerate();
    let bars = bars.map(|(row, record)| bar(record, row, time));
    let label = escape(report.label(run.entrant));
    format!(
        "<figure>\n<figcaption>{label}</figcaption>\n<div class=\"scroll\">\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline of {label}\">\n\
         {}<g class=\"{}\">\n{}</g>\n</svg></div>\n</figure>\n",
        axis(time, height),
        colour(run.entrant),
        bars.collect::<String>()
    )
}

fn axis(time: &Scale, height: f64) -> String {
    let bottom = height - BOTTOM;
    let tick = |tick: f64| {
        let x = x_at(time, tick);
        format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            bottom + 15.0,
            tick_text(tick)
        )
    };
    let ticks: String = time.ticks().into_iter().map(tick).collect();
    let (x, y) = (WIDTH / 2.0, height - 6.0);
    format!("{ticks}<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">seconds</text>\n")
}

fn x_at(time: &Scale, seconds: f64) -> f64 {
    LEFT + time.place(seconds) * (WIDTH - LEFT - RIGHT)
}

fn bar(record: &Record, row: usize, time: &Scale) -> String {
    let y = TOP + ROW * row as f64 + (ROW - BAR) / 2.0;
    let due = record.arrival_s.max(0.0);
    // Clients of a closed loop do not wait for their turn: their question is not there yet.
    let began = if due > 0.0 {
        due.min(record.sent_s)
    } else {
        record.sent_s
    };
    let first = record.tokens_s.first().copied().unwrap_or(record.ended_s);
    let last = record.tokens_s.last().copied().unwrap_or(first);
    let scheduled = record.scheduled_s.unwrap_or(record.sent_s).min(first);
    let part = |class: &str, from: f64, to: f64| {
        let (from, to) = (x_at(time, from), x_at(time, to));
        let width = (to - from).max(0.0);
        format!(
            "<rect class=\"{class}\" x=\"{from:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" \
             height=\"{BAR}\"/>"
        )
    };
    let title = title(record, row);
    let parts = [
        part("queued", began, scheduled),
        part("prefill", scheduled, first),
        part("decode", first, last),
        ticks(record, time, y),
        record
            .error
            .as_ref()
            .map_or(String::new(), |_| part("broken", began, record.ended_s)),
    ];
    format!("<g><title>{title}</title>{}</g>\n", parts.concat())
}

/// A thin line for each token after the first.
fn ticks(record: &Record, time: &Scale, y: f64) -> String {
    let tokens = record.tokens_s.iter().skip(1);
    let line = |&at: &f64| format!("M{:.2} {y:.1}v{BAR}", x_at(time, at));
    let lines: String = tokens.map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("<path class=\"ticks\" d=\"{lines}\"/>"),
    }
}

fn title(record: &Record, row: usize) -> String {
    let outcome = match &record.error {
        Some(error) => format!("failed: {error}"),
        None => format!(
            "first token after {:.0} ms, the last after {:.0} ms",
            record
                .tokens_s
                .first()
                .map_or(f64::NAN, |at| (at - record.sent_s) * 1e3),
            record
                .tokens_s
                .last()
                .map_or(f64::NAN, |at| (at - record.sent_s) * 1e3),
        ),
    };
    escape(&format!(
        "request {}: {} tokens in, {} out; {outcome}",
        row + 1,
        record.prompt_tokens,
        record.output_tokens
    ))
}
