//! Reports of made-up records, whose figures are known.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::bench::Entrant;
use crate::goodput::Goal;
use crate::metrics::Metrics;
use crate::protocol::{Outcome, Ready, Record};

/// One request at a time, each with its first token after `ttft`, and three more each after
/// `itl`.
fn outcome(ttft: f64, itl: f64) -> Outcome {
    let record = |index: u32| {
        let sent = f64::from(index) * (ttft + 3.0 * itl);
        Record {
            arrival_s: 0.0,
            sent_s: sent,
            scheduled_s: Some(sent),
            tokens_s: (0..4).map(|i| sent + ttft + f64::from(i) * itl).collect(),
            ended_s: sent + ttft + 3.0 * itl,
            prompt_tokens: 100,
            output_tokens: 4,
            error: None,
        }
    };
    Outcome {
        duration_s: 2.0 * (ttft + 3.0 * itl),
        requests: (0..2).map(record).collect(),
    }
}

fn entrant(label: &str, failure: Option<&str>) -> Entrant {
    Entrant {
        label: label.to_owned(),
        backend: "mock".to_owned(),
        threads: Some(2),
        ready: failure.is_none().then(|| Ready {
            backend: "mock".to_owned(),
            version: Some("1.0".to_owned()),
            model: "m".to_owned(),
            device: "cpu <fast> & \"small\"".to_owned(),
            context_length: None,
            token_prompts: true,
            exact_length: label == "fast",
        }),
        start_up_s: failure.is_none().then_some(1.5),
        peak_memory_bytes: Some(3 << 20),
        failure: failure.map(str::to_owned),
    }
}

fn about() -> About {
    About {
        version: "0.1.0".to_owned(),
        profile: "release".to_owned(),
        began: "2026-11-22T19:00:00Z".parse().unwrap(),
        command: vec!["stream-engine".to_owned(), "bench".to_owned()],
        machine: Machine {
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 2,
            physical_cores: Some(2),
            memory_bytes: Some(8 << 30),
            system: Some("Linux".to_owned()),
            kernel: None,
            architecture: "x86_64".to_owned(),
            instruction_sets: vec!["avx2".to_owned()],
            compiled_for: vec![],
        },
        model: Model {
            name: "A | B".to_owned(),
            files: vec![ModelFile {
                name: "m.gguf".to_owned(),
                bytes: 100 << 20,
                sha256: "ab".repeat(32),
            }],
            parameters: Some(134_000_000),
            formats: ["Q4_1", "Q8_0", "F32"]
                .into_iter()
                .zip([660, 300, 5])
                .map(|(name, bytes)| Format {
                    name: name.to_owned(),
                    tensors: 1,
                    bytes,
                })
                .collect(),
        },
        workload: "prompts of 100 tokens".to_owned(),
        prompt_tokens: "100".to_owned(),
        output_tokens: "4".to_owned(),
        seed: 0,
        load_average: [Some(0.5), None],
        energy_is_metered: true,
    }
}

/// Two that run and one that does not, in two rounds; the second one's tokens take twice as long
/// in the first round and four times in the second.
fn report() -> Report {
    let goal = Goal::parse(["ttft:250"]).unwrap();
    let run = |entrant, round, outcome: Outcome| Run {
        entrant,
        load: 0,
        round,
        metrics: Metrics::of(&outcome, &goal),
        outcome,
        energy_j: Some(16.0),
    };
    let mut late = outcome(0.5, 0.04);
    late.requests[1].error = Some("too <late>".to_owned());
    Report {
        about: about(),
        plan: Plan {
            loads: vec![Load::Closed { concurrency: 1 }],
            rounds: 2,
            warm_up: 1,
            num_prompts: None,
            timeout: Duration::from_secs(60),
            goal,
        },
        measured: Measured {
            entrants: vec![
                entrant("fast", None),
                entrant("slow", None),
                entrant("broken", Some("no library")),
            ],
            runs: vec![
                run(0, 0, outcome(0.2, 0.01)),
                run(1, 0, outcome(0.4, 0.02)),
                run(1, 1, late),
                run(0, 1, outcome(0.2, 0.01)),
            ],
            repeated_prompts: true,
        },
    }
}

#[test]
fn ratios_are_of_the_same_round() {
    let report = report();
    let rounds = report.ratios(1, 0, 0, &measure::COMPARED[4]);
    assert!(
        (rounds[0] - 2.0).abs() < 1e-9 && (rounds[1] - 4.0).abs() < 1e-9,
        "{rounds:?}"
    );
}

#[test]
fn the_text_tells_figures_failures_and_circumstances() {
    let text = report().to_text();
    for part in [
        "A CPU, 2 processors, 2 cores",
        "did not start: no library",
        "3.00 (2.00–4.00)",
        "slow c=1: 1 of 4 requests failed and do not count, the first because too <late>",
        "Some prompts were asked more than once",
        "slow stops at the model's end token",
        "goodput req/s",
        "J/token",
        "was 0.50 before and unknown after",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn the_markdown_is_led_by_the_table_of_llama_bench() {
    let markdown = report().to_markdown();
    let mut lines = markdown.lines();
    assert_eq!(
        lines.next(),
        Some("| model | size | params | backend | threads | load | test | t/s |")
    );
    assert_eq!(
        lines.next(),
        Some("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    );
    assert_eq!(
        lines.next(),
        Some("| A \\| B Q4_1+Q8_0 | 100.00 MiB | 134.00 M | mock | 2 | c=1 | pp100 | 500 ± 0.00 |")
    );
    assert_eq!(
        lines.next(),
        Some("| A \\| B Q4_1+Q8_0 | 100.00 MiB | 134.00 M | mock | 2 | c=1 | tg4 | 100 ± 0.00 |")
    );
    assert!(markdown.contains("### Latency"), "{markdown}");
}

/// The keys of `vllm bench serve --save-result --save-detailed`, without the texts of answers.
const VLLM: &str = "date endpoint_type backend label model_id tokenizer_id num_prompts \
    request_rate burstiness max_concurrency duration completed failed total_input_tokens \
    total_output_tokens request_throughput request_goodput output_throughput \
    total_token_throughput input_lens output_lens ttfts itls latencies start_times queue_times \
    errors max_output_tokens_per_s max_concurrent_requests \
    mean_ttft_ms median_ttft_ms std_ttft_ms p99_ttft_ms \
    mean_tpot_ms median_tpot_ms std_tpot_ms p99_tpot_ms \
    mean_itl_ms median_itl_ms std_itl_ms p99_itl_ms \
    mean_e2el_ms median_e2el_ms std_e2el_ms p99_e2el_ms";

#[test]
fn the_runs_in_json_have_the_keys_of_vllm() {
    let json: Value = serde_json::from_str(&report().to_json()).unwrap();
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    for run in runs {
        let keys: BTreeSet<_> = run
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for key in VLLM.split_whitespace() {
            assert!(keys.contains(key), "no {key} in {keys:?}");
        }
    }
    let run = &runs[0];
    assert_eq!(run["date"], "20261122-190000");
    assert_eq!(run["request_rate"], "inf");
    assert_eq!(run["max_concurrency"], 1);
    assert_eq!(run["total_output_tokens"], 8);
    assert_eq!(
        run["itls"].as_array().unwrap()[0].as_array().unwrap().len(),
        3
    );
    let near = |value: &Value, expected: f64| {
        assert!(
            (value.as_f64().unwrap() - expected).abs() < 1e-6,
            "{value} {expected}"
        );
    };
    near(&run["duration"], 0.46);
    near(&run["ttfts"][0], 0.2);
    near(&run["median_ttft_ms"], 200.0);
    near(&run["p99_itl_ms"], 10.0);
    near(&run["request_goodput"], 2.0 / 0.46);
    near(&run["joules_per_output_token"], 2.0);
    assert_eq!(runs[2]["errors"][1], "too <late>");
    assert_eq!(runs[2]["failed"], 1);
    near(&json["summary"][1]["mean_tpot_ms"]["median"], 30.0);
    let ratio = &json["ratios"].as_array().unwrap()[4];
    assert_eq!(
        (&ratio["label"], &ratio["over"]),
        (&"slow".into(), &"fast".into())
    );
    near(&ratio["rounds"][1], 4.0);
    assert_eq!(json["contenders"][2]["failure"], "no library");
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_from_elsewhere() {
    let page = report().to_html();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    let parsed = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let count = |tag: &str| parsed.descendants().filter(|n| n.has_tag_name(tag)).count();
    // One of throughput, two of distributions, a timeline of each that ran.
    assert_eq!(count("svg"), 5);
    assert_eq!(count("table"), 4);
    for outside in [
        "http:", "https:", "url(", "@import", "<script", "<link", "<img", "src=",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let attributes = parsed.descendants().flat_map(|node| node.attributes());
    for attribute in attributes {
        assert!(
            !["href", "src"].contains(&attribute.name()),
            "{attribute:?}"
        );
        assert!(!attribute.value().contains("NaN"), "{attribute:?}");
    }
    assert!(page.contains("cpu &lt;fast&gt; &amp; &quot;small&quot;"));
}

#[test]
fn a_bench_in_which_nothing_ran_still_has_its_reports() {
    let mut report = report();
    report.measured.runs.clear();
    assert!(report.is_empty());
    assert!(report.to_text().contains("did not start"));
    assert!(report.to_html().contains("did not start"));
    assert!(report.to_markdown().contains("### Contenders"));
    let json: Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["runs"], Value::Array(vec![]));
}

#[test]
fn a_model_without_known_numbers_says_none() {
    let mut report = report();
    report.about.model.parameters = None;
    report.about.model.formats.clear();
    let text = report.to_text();
    assert!(text.contains("A | B, 100.0 MiB"), "{text}");
    let first = "| A \\| B | 100.00 MiB | unknown | mock |";
    assert!(report.to_markdown().contains(first));
}
