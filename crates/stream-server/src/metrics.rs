//! Metrics, and the names that vLLM has for them, so that its dashboards work.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The bounds of the buckets of all times, in seconds: from a token of a fast engine to a long
/// answer.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// This process has a recorder of metrics already.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded: {0}")]
pub struct MetricsTaken(String);

/// Records the metrics of this process for [`ServerConfig::metrics`](crate::ServerConfig::metrics)
/// from now on: to be called before the backend starts.
///
/// # Errors
/// If something records them already.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsTaken> {
    let taken = |error: metrics_exporter_prometheus::BuildError| MetricsTaken(error.to_string());
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .map_err(taken)?
        .install_recorder()
        .map_err(taken)
}

/// Our names, and vLLM's (its documentation, "Production metrics").
const NAMES: &[(&str, &str)] = &[
    (
        "stream_engine_requests_running",
        "vllm:num_requests_running",
    ),
    (
        "stream_engine_requests_waiting",
        "vllm:num_requests_waiting",
    ),
    (
        "stream_engine_kv_cache_usage_ratio",
        "vllm:kv_cache_usage_perc",
    ),
    (
        "stream_engine_preemptions_total",
        "vllm:num_preemptions_total",
    ),
    (
        "stream_engine_prefix_cache_queries_total",
        "vllm:prefix_cache_queries_total",
    ),
    (
        "stream_engine_prefix_cache_hits_total",
        "vllm:prefix_cache_hits_total",
    ),
    (
        "stream_engine_prompt_tokens_total",
        "vllm:prompt_tokens_total",
    ),
    (
        "stream_engine_generation_tokens_total",
        "vllm:generation_tokens_total",
    ),
    (
        "stream_engine_spec_decode_draft_tokens_total",
        "vllm:spec_decode_num_draft_tokens_total",
    ),
    (
        "stream_engine_spec_decode_accepted_tokens_total",
        "vllm:spec_decode_num_accepted_tokens_total",
    ),
    (
        "stream_engine_request_queue_time_seconds",
        "vllm:request_queue_time_seconds",
    ),
    (
        "stream_engine_time_to_first_token_seconds",
        "vllm:time_to_first_token_seconds",
    ),
    (
        "stream_engine_inter_token_latency_seconds",
        "vllm:inter_token_latency_seconds",
    ),
    (
        "stream_engine_e2e_request_latency_seconds",
        "vllm:e2e_request_latency_seconds",
    ),
];

/// The text with a second copy of each line whose metric vLLM knows, under its name there and
/// with its label `model_name`.
pub(crate) fn with_vllm_names(text: &str, model: &str) -> String {
    let mut out = text.to_owned();
    for line in text.lines() {
        if let Some(line) = renamed(line, model) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

fn renamed(line: &str, model: &str) -> Option<String> {
    for kind in ["# TYPE ", "# HELP "] {
        if let Some(rest) = line.strip_prefix(kind) {
            let (name, rest) = rest.split_once(' ')?;
            return Some(format!("{kind}{} {rest}", of(name)?));
        }
    }
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let label = format!(
        "model_name=\"{}\"",
        model
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    );
    let name = of(name)?;
    Some(match rest.strip_prefix('{') {
        Some(rest) => format!("{name}{{{label},{rest}"),
        None => format!("{name}{{{label}}}{rest}"),
    })
}

/// vLLM's name, with the suffix of a part of a histogram or summary.
fn of(name: &str) -> Option<String> {
    ["", "_bucket", "_sum", "_count"].iter().find_map(|suffix| {
        let base = name.strip_suffix(suffix)?;
        let known = NAMES.iter().find(|(ours, _)| *ours == base)?;
        Some(format!("{}{suffix}", known.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_metrics_come_under_both_names() {
        let text = "# TYPE stream_engine_requests_running gauge\n\
                    stream_engine_requests_running{backend=\"b\"} 3\n\
                    stream_engine_steps_total 9\n\
                    stream_engine_time_to_first_token_seconds_bucket{le=\"0.1\"} 4\n";
        let more = "# TYPE vllm:num_requests_running gauge\n\
                    vllm:num_requests_running{model_name=\"a\\\"b\",backend=\"b\"} 3\n\
                    vllm:time_to_first_token_seconds_bucket{model_name=\"a\\\"b\",le=\"0.1\"} 4\n";
        assert_eq!(with_vllm_names(text, "a\"b"), format!("{text}{more}"));
    }
}
