//! `serve` with the real model, asked over HTTP.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command};

use serde_json::{Value, json};

use crate::program::{greedy, model, program, run};

/// A server that runs, and ends with its guard.
pub(super) struct Served {
    pub(super) child: Child,
    pub(super) base: String,
    /// What it has said so far.
    pub(super) said: String,
    stderr: BufReader<ChildStderr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn serve(arguments: &[&str], key: Option<&str>) -> Served {
    model();
    let mut command = program([&["serve", "--port", "0"], arguments].concat());
    if let Some(key) = key {
        command.env("STREAM_ENGINE_API_KEY", key);
    }
    Served::start(command)
}

impl Served {
    /// Waits until the program says where it listens.
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut served = Self {
            child,
            base: String::new(),
            said: String::new(),
            stderr,
        };
        assert!(served.wait_for("listening at "), "{}", served.said);
        let line = served.said.lines().last().unwrap();
        served.base = line.strip_prefix("listening at ").unwrap().to_owned();
        served
    }

    /// Whether it says this before it ends.
    pub(super) fn wait_for(&mut self, words: &str) -> bool {
        let mut line = String::new();
        while self.stderr.read_line(&mut line).unwrap() > 0 {
            self.said.push_str(&line);
            if line.contains(words) {
                return true;
            }
            line.clear();
        }
        false
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = ureq::Agent::new_with_config(config.build());
        let request = agent.post(format!("{}{path}", self.base));
        let sent = request
            .content_type("application/json")
            .send(body.to_string());
        let mut answer = sent.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), text)
    }

    pub(super) fn get(&self, path: &str) -> String {
        let mut answer = ureq::get(format!("{}{path}", self.base)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    fn ask(&self, body: &Value) -> Value {
        let (status, text) = self.post("/v1/chat/completions", body);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn question(content: &str, more: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": content}], "temperature": 0});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn the_served_answer_is_the_one_that_generate_prints() {
    let served = serve(&["--served-model-name", "small"], None);
    let prompt = "Name three colours.";
    let answer = served.ask(&question(
        prompt,
        json!({"max_tokens": 24, "model": "small"}),
    ));
    let printed = run(program(greedy(&["--max-tokens", "24", prompt])));
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(printed.expect_quiet().stdout.trim_end(), text.trim_end());
    assert_eq!(answer["usage"]["completion_tokens"], 24);

    let streamed = question(prompt, json!({"max_tokens": 24, "stream": true}));
    let (status, events) = served.post("/v1/chat/completions", &streamed);
    assert_eq!(status, 200);
    let events = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"));
    let events = events.map(|e| serde_json::from_str::<Value>(&format!("{{{e}")).unwrap());
    let deltas = events.filter_map(|e| {
        e["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    });
    assert_eq!(deltas.collect::<String>(), text);

    let metrics = served.get("/metrics");
    let made = metrics
        .lines()
        .find(|l| l.starts_with("stream_engine_generation_tokens_total"));
    assert!(made.is_some_and(|line| line.ends_with(" 48")), "{metrics}");
    assert!(
        metrics.contains("stream_engine_time_to_first_token_seconds_bucket"),
        "{metrics}"
    );
}

#[test]
fn forms_and_tools_are_kept_by_the_real_model() {
    let served = serve(&[], None);
    let schema = json!({"type": "object", "required": ["colour"], "additionalProperties": false,
                        "properties": {"colour": {"enum": ["red", "blue"]}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "c", "schema": schema}});
    let answer = served.ask(&question(
        "Name a colour.",
        json!({"response_format": format}),
    ));
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let said: Value = serde_json::from_str(text).unwrap();
    assert!(["red", "blue"].contains(&said["colour"].as_str().unwrap()));

    let parameters = json!({"type": "object", "required": ["colour"], "additionalProperties": false,
                            "properties": {"colour": {"enum": ["red", "blue"]}}});
    let tools =
        json!([{"type": "function", "function": {"name": "paint", "parameters": parameters}}]);
    let named = json!({"type": "function", "function": {"name": "paint"}});
    for choice in [json!("required"), named] {
        let more = json!({"tools": tools, "tool_choice": choice});
        let answer = served.ask(&question("Paint the wall red.", more));
        let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(call["name"], "paint", "{answer}");
        let arguments = call["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert!(["red", "blue"].contains(&arguments["colour"].as_str().unwrap()));
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    }

    let body = json!({"prompt": "Hello, world"});
    let (_, tokens) = served.post("/tokenize", &body);
    let tokens: Value = serde_json::from_str(&tokens).unwrap();
    let (_, text) = served.post("/detokenize", &json!({"tokens": tokens["tokens"]}));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), body);
}

/// The same model behind HTTP says the same.
#[test]
fn generate_and_doctor_work_over_http() {
    let served = serve(&[], None);
    let question = ["--max-tokens", "16", "Name three colours."];
    let here = run(program(greedy(&question))).expect_quiet().stdout;
    let away = [&["--url", &served.base], &question[..]].concat();
    assert_eq!(run(program(greedy(&away))).expect_quiet().stdout, here);
    let json = [&["--json", "--logprobs", "1"], &away[..]].concat();
    let objects = run(program(greedy(&json))).expect_quiet().objects();
    let last = objects.last().unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 16);
    assert!(last["usage"]["prompt_tokens"].as_u64().unwrap() > 10);
    assert!(objects[0]["id"].is_number() && objects[0]["logprobs"]["logprob"].is_number());
    let report = run(program(["doctor", "--json", "--url", &served.base]));
    let report: Value = serde_json::from_str(&report.expect_quiet().stdout).unwrap();
    assert_eq!(report["backends"][0]["name"], "vllm");
    assert_eq!(report["backends"][0]["runs"]["device"], served.base);
    let refused = run(program(greedy(
        &[
            &["--dry-multiplier", "0.8", "--url", &served.base],
            &question[..],
        ]
        .concat(),
    )));
    refused.expect_sentence(2, &["`vllm`", "`dry`"]);
}

#[cfg(unix)]
pub(super) fn terminate(child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn a_key_from_the_environment_is_asked_for_and_sigterm_ends_it_well() {
    let mut served = serve(&[], Some("secret"));
    let (status, _) = served.post("/v1/chat/completions", &question("Hi", json!({})));
    assert_eq!(status, 401);
    terminate(&served.child);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    served.stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("shut down: 0 answers"), "{said}");
}

#[test]
fn an_address_for_everyone_needs_a_key() {
    model();
    let open = run(program(["serve", "--host", "0.0.0.0", "--port", "0"]));
    assert_eq!(open.code, 2, "{open:?}");
    assert!(open.stderr.contains("not a loopback address"), "{open:?}");
    let missing = run(program(["serve", "--api-key-file", "no/such/file"]));
    missing.expect_sentence(2, &["no/such/file"]);
}
