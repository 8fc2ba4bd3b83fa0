//! The table that `llama-bench` writes: a line for each test, with the mean and the standard
//! deviation of its tokens per second over the rounds.
//!
//! `pp128` is prefill of 128 tokens and `tg64` the decoding of 64 in one stream, as there; with
//! several requests at once both are of one request among the others. `out` is what all streams
//! gave together, as the last columns of `llama-batched-bench`.

use super::Report;
use super::measure::{Measure, SPEEDS, figure};
use super::tables::Table;
use crate::stats::{deviation, mean};

pub(super) fn table(report: &Report) -> Table {
    let header = [
        "model", "size", "params", "backend", "threads", "load", "test", "t/s",
    ];
    let tests = tests(report);
    let rows = report.cells().flat_map(|cell| {
        tests
            .iter()
            .map(move |(name, measure)| row(report, cell, name, measure))
            .collect::<Vec<_>>()
    });
    Table {
        title: "",
        caption: String::new(),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
        words: 1,
    }
}

/// The tests by their names.
fn tests(report: &Report) -> [(String, Measure); 3] {
    let [_, output, prefill, decode] = SPEEDS;
    let about = &report.about;
    [
        (format!("pp{}", about.prompt_tokens), prefill),
        (format!("tg{}", about.output_tokens), decode),
        ("out".to_owned(), output),
    ]
}

fn row(report: &Report, (entrant, load): (usize, usize), test: &str, m: &Measure) -> Vec<String> {
    let model = &report.about.model;
    let rounds: Vec<f64> = report.runs(entrant, load).map(m.of).collect();
    let contender = &report.measured.entrants[entrant];
    let threads = contender.threads;
    vec![
        format!("{} {}", model.name, model.quantisation())
            .trim_end()
            .to_owned(),
        format!("{:.2} MiB", model.bytes() as f64 / f64::from(1 << 20)),
        model.parameters.map_or_else(
            || "unknown".to_owned(),
            |numbers| format!("{:.2} M", numbers as f64 / 1e6),
        ),
        contender.backend.clone(),
        threads.map_or_else(|| "auto".to_owned(), |threads| threads.to_string()),
        report.load(load).to_string(),
        test.to_owned(),
        format!("{} ± {}", figure(mean(&rounds)), figure(deviation(&rounds))),
    ]
}
