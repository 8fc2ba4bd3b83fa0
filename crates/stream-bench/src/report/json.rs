//! A report as JSON.
//!
//! `runs` has an object for each run, with the keys and units of `vllm bench serve --save-result
//! --save-detailed` (vllm/benchmarks/serve.py): latencies in lists are seconds, those with `_ms`
//! milliseconds. Texts of answers are left out. Of our own are `load`, `round`, `threads`,
//! `prefill_throughput`, `decode_throughput`, `energy_joules`, `joules_per_output_token` and
//! `scheduled_times`. A figure that is not there is null.

use serde_json::{Map, Value, json};

use super::Report;
use super::measure::{COMPARED, ENERGY, GOODPUT, LATENCIES, Measure, SPEEDS};
use crate::bench::Run;
use crate::load::Load;
use crate::metrics::{Latencies, Metrics, busiest_second, inter_token, most_at_once};
use crate::protocol::Record;
use crate::stats::{Spread, Summary};

/// Changes when a program that reads the file would have to.
const FORMAT: u32 = 1;

pub(super) fn write(report: &Report) -> String {
    let plan = &report.plan;
    let runs = report.measured.runs.iter();
    let all = json!({
        "format": FORMAT,
        "date": report.about.began.to_string(),
        "about": report.about,
        "plan": {
            "loads": plan.loads,
            "rounds": plan.rounds,
            "warm_up": plan.warm_up,
            "num_prompts": plan.num_prompts,
            "timeout_s": plan.timeout.as_secs_f64(),
            "goodput": plan.goal,
        },
        "contenders": report.measured.entrants,
        "notes": report.notes(),
        "summary": report.cells().map(|cell| summary(report, cell)).collect::<Vec<_>>(),
        "ratios": ratios(report),
        "runs": runs.map(|run| one_run(report, run)).collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

/// Every figure of a contender under a load, over the rounds.
fn summary(report: &Report, (entrant, load): (usize, usize)) -> Value {
    let figures = LATENCIES.into_iter().flat_map(|latency| latency.figures);
    let measures = SPEEDS.into_iter().chain([GOODPUT, ENERGY]).chain(figures);
    let mut object = place(report, entrant, load);
    for m in measures {
        let spread = report.spread(entrant, load, &m);
        object.insert(m.key.to_owned(), json!(spread));
    }
    object.into()
}

/// Each contender over each one named before it, round by round.
fn ratios(report: &Report) -> Vec<Value> {
    let cells: Vec<_> = report.cells().collect();
    let pairs = cells
        .iter()
        .flat_map(|&(entrant, load)| (0..entrant).map(move |over| (entrant, over, load)));
    let all = pairs.flat_map(|pair| COMPARED.map(|m| ratio(report, pair, &m)));
    all.flatten().collect()
}

fn ratio(
    report: &Report,
    (entrant, over, load): (usize, usize, usize),
    m: &Measure,
) -> Option<Value> {
    let rounds = report.ratios(entrant, over, load, m);
    let Spread { median, low, high } = Spread::of(&rounds)?;
    let mut object = place(report, entrant, load);
    object.insert("over".to_owned(), report.label(over).into());
    object.insert("measure".to_owned(), m.key.into());
    object.insert("median".to_owned(), json!(median));
    object.insert("low".to_owned(), json!(low));
    object.insert("high".to_owned(), json!(high));
    object.insert("rounds".to_owned(), json!(rounds));
    Some(object.into())
}

fn place(report: &Report, entrant: usize, load: usize) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("label".to_owned(), report.label(entrant).into());
    object.insert("load".to_owned(), report.load(load).to_string().into());
    object
}

fn one_run(report: &Report, run: &Run) -> Value {
    let mut object = Map::new();
    for part in [
        head(report, run),
        totals(report, run),
        lists(&run.outcome.requests),
    ] {
        object.extend(part.as_object().cloned().unwrap_or_default());
    }
    let m = &run.metrics;
    let latencies = [
        ("ttft_ms", &m.ttft_ms),
        ("tpot_ms", &m.tpot_ms),
        ("itl_ms", &m.itl_ms),
        ("e2el_ms", &m.e2el_ms),
    ];
    for (name, summary) in latencies {
        object.extend(statistics(name, summary));
    }
    object.into()
}

fn head(report: &Report, run: &Run) -> Value {
    let entrant = &report.measured.entrants[run.entrant];
    let load = report.load(run.load);
    let rate = match load {
        Load::Open { rate } => json!(rate),
        Load::Closed { .. } => json!("inf"),
        Load::Trace => Value::Null,
    };
    json!({
        "date": report.about.began.strftime("%Y%m%d-%H%M%S").to_string(),
        "endpoint_type": entrant.backend,
        "backend": entrant.backend,
        "label": entrant.label,
        "model_id": report.about.model.name,
        "tokenizer_id": report.about.model.name,
        "num_prompts": run.outcome.requests.len(),
        "request_rate": rate,
        "burstiness": 1.0,
        "max_concurrency": load.concurrency(),
        "load": load.to_string(),
        "round": run.round,
        "threads": entrant.threads,
    })
}

fn totals(report: &Report, run: &Run) -> Value {
    let m: &Metrics = &run.metrics;
    let goodput = report.plan.goal.is_set().then(|| m.goodput());
    json!({
        "duration": m.duration_s,
        "completed": m.completed,
        "failed": m.failed,
        "total_input_tokens": m.input_tokens,
        "total_output_tokens": m.output_tokens,
        "request_throughput": m.request_throughput(),
        "request_goodput": goodput,
        "output_throughput": m.output_throughput(),
        "total_token_throughput": m.total_throughput(),
        "max_output_tokens_per_s": busiest_second(&run.outcome),
        "max_concurrent_requests": most_at_once(&run.outcome),
        "prefill_throughput": m.prefill_speed,
        "decode_throughput": m.decode_speed,
        "energy_joules": run.energy_j,
        "joules_per_output_token": (ENERGY.of)(run),
    })
}

fn lists(requests: &[Record]) -> Value {
    fn each<T: Into<Value>>(requests: &[Record], of: impl Fn(&Record) -> T) -> Value {
        requests.iter().map(|record| of(record).into()).collect()
    }
    json!({
        "input_lens": each(requests, |r| r.prompt_tokens),
        "output_lens": each(requests, |r| r.output_tokens),
        "ttfts": each(requests, |r| Latencies::of(r).ttft.unwrap_or(0.0)),
        "itls": each(requests, |r| inter_token(r).collect::<Vec<_>>()),
        "latencies": each(requests, |r| Latencies::of(r).e2el),
        "start_times": each(requests, |r| r.sent_s),
        "queue_times": each(requests, |r| r.sent_s - r.arrival_s),
        "scheduled_times": each(requests, |r| r.scheduled_s),
        "errors": each(requests, |r| r.error.clone().unwrap_or_default()),
    })
}

fn statistics(name: &str, summary: &Summary) -> impl Iterator<Item = (String, Value)> {
    [
        (format!("mean_{name}"), json!(summary.mean)),
        (format!("median_{name}"), json!(summary.median)),
        (format!("std_{name}"), json!(summary.std)),
        (format!("p50_{name}"), json!(summary.median)),
        (format!("p90_{name}"), json!(summary.p90)),
        (format!("p99_{name}"), json!(summary.p99)),
    ]
    .into_iter()
}
