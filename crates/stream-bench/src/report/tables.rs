//! The tables of a report, whatever they are written as.

use super::Report;
use super::measure::{COMPARED, ENERGY, GOODPUT, LATENCIES, Measure, SPEEDS, figure, spread};
use crate::bench::Entrant;
use crate::stats::Spread;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) title: &'static str,
    /// What its figures mean.
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// So many columns from the left hold words, the others numbers.
    pub(super) words: usize,
}

/// Every table that has something to tell.
pub(super) fn all(report: &Report) -> Vec<Table> {
    let tables = [
        contenders(report),
        speeds(report),
        latencies(report),
        ratios(report),
    ];
    let tables = tables.into_iter();
    tables.filter(|table| !table.rows.is_empty()).collect()
}

fn contenders(report: &Report) -> Table {
    Table {
        title: "Contenders",
        caption: "Start-up is from starting the process until its model is loaded; memory is the \
                  most that the process ever held."
            .to_owned(),
        header: strings(&["contender", "version", "runs on", "start-up s", "peak MiB"]),
        rows: report.measured.entrants.iter().map(contender).collect(),
        words: 3,
    }
}

fn contender(entrant: &Entrant) -> Vec<String> {
    const MIB: f64 = 1024.0 * 1024.0;
    let ready = entrant.ready.as_ref();
    let device = ready.map(|ready| ready.device.clone());
    let state = match (&entrant.failure, device) {
        (None, device) => device.unwrap_or_default(),
        (Some(failure), None) => format!("did not start: {failure}"),
        (Some(failure), Some(device)) => format!("{device}; broke off: {failure}"),
    };
    let peak = entrant.peak_memory_bytes.map(|bytes| bytes as f64 / MIB);
    vec![
        entrant.label.clone(),
        ready.and_then(|r| r.version.clone()).unwrap_or_default(),
        state,
        figure(entrant.start_up_s.unwrap_or(f64::NAN)),
        figure(peak.unwrap_or(f64::NAN)),
    ]
}

fn speeds(report: &Report) -> Table {
    let mut measures = SPEEDS.to_vec();
    if report.plan.goal.is_set() {
        measures.push(GOODPUT);
    }
    if report.about.energy_is_metered {
        measures.push(ENERGY);
    }
    let mut header = strings(&["contender", "load"]);
    header.extend(measures.iter().map(|m| m.title.to_owned()));
    header.push("failed".to_owned());
    let row = |cell| {
        let mut row = name(report, cell);
        row.extend(measures.iter().map(|m| over_rounds(report, cell, m)));
        row.push(failed(report, cell));
        row
    };
    Table {
        title: "Speed",
        caption: "Output counts all streams together; decoding is of one stream, the median of \
                  1 / TPOT; prefill is of one prompt, from its first step to its first token."
            .to_owned(),
        header,
        rows: report.cells().map(row).collect(),
        words: 2,
    }
}

fn latencies(report: &Report) -> Table {
    let mut header = strings(&["contender", "load", "ms"]);
    header.extend(LATENCIES[0].figures.map(|m| m.title.to_owned()));
    let rows = report.cells().flat_map(|cell| {
        LATENCIES.map(|latency| {
            let mut row = name(report, cell);
            row.push(latency.title.to_owned());
            row.extend(latency.figures.map(|m| over_rounds(report, cell, &m)));
            row
        })
    });
    Table {
        title: "Latency",
        caption: "Milliseconds: to the first token (TTFT), between tokens (ITL), per output token \
                  after the first (TPOT), and from sending to the last token (E2EL)."
            .to_owned(),
        header,
        rows: rows.collect(),
        words: 3,
    }
}

/// Each contender over the first one, which is what the others are compared with.
fn ratios(report: &Report) -> Table {
    let mut header = strings(&["contender", "load"]);
    header.extend(COMPARED.map(|m| m.title.to_owned()));
    let row = |(entrant, load)| {
        let mut row = name(report, (entrant, load));
        let ratios = |m: Measure| spread(Spread::of(&report.ratios(entrant, 0, load, &m)));
        row.extend(COMPARED.map(ratios));
        row
    };
    let others = report.cells().filter(|&(entrant, _)| entrant > 0);
    let first = report.measured.entrants.first();
    Table {
        title: "Ratios",
        caption: format!(
            "Each figure over that of {} in the same round.",
            first.map_or("", |first| &first.label)
        ),
        header,
        rows: others.map(row).collect(),
        words: 2,
    }
}

fn name(report: &Report, (entrant, load): (usize, usize)) -> Vec<String> {
    vec![
        report.label(entrant).to_owned(),
        report.load(load).to_string(),
    ]
}

fn over_rounds(report: &Report, (entrant, load): (usize, usize), measure: &Measure) -> String {
    spread(report.spread(entrant, load, measure))
}

fn failed(report: &Report, (entrant, load): (usize, usize)) -> String {
    let failed = report.runs(entrant, load).map(|run| run.metrics.failed);
    failed.sum::<usize>().to_string()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
