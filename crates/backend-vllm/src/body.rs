//! From a request to the body that a server gets.

use serde_json::{Map, Value, json};
use stream_core::{Conversation, Grammar, Message, Prompt, Rejection, Request, Sampling};

use crate::known::Known;

/// The name under which refusals speak of this backend.
pub(crate) const NAME: &str = "vllm";

/// A request in a server's form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Body {
    /// `/v1/chat/completions` or `/v1/completions`.
    pub(crate) path: &'static str,
    pub(crate) json: Map<String, Value>,
}

/// Writes a request as a server wants it.
///
/// # Errors
/// [`Rejection::Unsupported`] with the first parameter that the server does not know.
pub(crate) fn body(
    request: &Request,
    model: &str,
    known: &Known,
    extra: &Map<String, Value>,
) -> Result<Body, Rejection> {
    let chat = matches!(request.prompt(), Prompt::Chat(_) | Prompt::Conversation(_));
    let mut json = Map::new();
    json.insert("model".into(), model.into());
    json.insert("stream".into(), true.into());
    prompt(request.prompt(), &mut json)?;
    let mut set = Setter {
        json,
        known: if chat { &known.chat } else { &known.completion },
    };
    set.where_known("stream_options", json!({"include_usage": true}));
    set.where_known("return_token_ids", true.into());
    limits(request, &mut set)?;
    sampling(request, &mut set)?;
    reports(request, chat, &mut set)?;
    if let Some(grammar) = request.grammar() {
        structured(grammar, &mut set)?;
    }
    set.json.extend(extra.clone());
    Ok(Body {
        path: match chat {
            true => "/v1/chat/completions",
            false => "/v1/completions",
        },
        json: set.json,
    })
}

/// Puts members into a body, but none that the server does not know.
struct Setter<'k> {
    json: Map<String, Value>,
    known: &'k std::collections::BTreeSet<String>,
}

impl Setter<'_> {
    fn set(&mut self, name: &'static str, value: impl Into<Value>) -> Result<(), Rejection> {
        match self.known.contains(name) {
            true => {
                self.json.insert(name.into(), value.into());
                Ok(())
            }
            false => Err(unsupported(name)),
        }
    }

    fn where_known(&mut self, name: &'static str, value: Value) {
        let _ = self.set(name, value);
    }
}

fn unsupported(parameter: &'static str) -> Rejection {
    Rejection::Unsupported {
        parameter,
        backend: NAME.to_owned(),
    }
}

fn prompt(prompt: &Prompt, json: &mut Map<String, Value>) -> Result<(), Rejection> {
    match prompt {
        Prompt::Raw(text) => json.insert("prompt".into(), text.as_str().into()),
        Prompt::Tokens(ids) => json.insert("prompt".into(), ids.as_slice().into()),
        Prompt::Chat(messages) => {
            let messages: Vec<_> = messages.iter().map(message).collect();
            json.insert("messages".into(), messages.into())
        }
        Prompt::Conversation(conversation) => return whole(conversation, json),
    };
    Ok(())
}

fn message(message: &Message) -> Value {
    json!({"role": message.role.as_str(), "content": message.content})
}

fn whole(conversation: &Conversation, json: &mut Map<String, Value>) -> Result<(), Rejection> {
    let read = |part: &str, text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| Rejection::Refused {
            parameter: Some(part.into()),
            message: format!("{part} is no JSON: {error}").into(),
        })
    };
    json.insert("messages".into(), read("messages", &conversation.messages)?);
    if let Some(tools) = &conversation.tools {
        json.insert("tools".into(), read("tools", tools)?);
    }
    if !conversation.variables.is_empty() {
        let variables = conversation.variables.iter();
        let variables = variables.map(|(name, value)| Ok((name.clone(), read(name, value)?)));
        let variables = variables.collect::<Result<Map<_, _>, Rejection>>()?;
        json.insert("chat_template_kwargs".into(), variables.into());
    }
    Ok(())
}

fn limits(request: &Request, set: &mut Setter<'_>) -> Result<(), Rejection> {
    let stop = request.stop();
    if let Some(tokens) = request.max_tokens() {
        let old = set.known.contains("max_tokens");
        set.set(
            if old {
                "max_tokens"
            } else {
                "max_completion_tokens"
            },
            tokens,
        )?;
    }
    if !stop.strings().is_empty() {
        set.set("stop", stop.strings())?;
    }
    if !stop.ids().is_empty() {
        set.set("stop_token_ids", stop.ids())?;
    }
    if stop.include_in_output() {
        set.set("include_stop_str_in_output", true)?;
    }
    // vLLM 0.32 goes on without the grammar where its text is complete and no token may end it.
    if stop.ignore_eos() && request.grammar().is_none() {
        set.set("ignore_eos", true)?;
    }
    if stop.min_tokens() > 0 {
        set.set("min_tokens", stop.min_tokens())?;
    }
    Ok(())
}

/// Parameters at their neutral value are left out, but for those that a server's own defaults may
/// set otherwise: the temperature, and where the server knows them the cuts.
fn sampling(request: &Request, set: &mut Setter<'_>) -> Result<(), Rejection> {
    let s = request.sampling();
    set.set("temperature", short(s.temperature()))?;
    let neutral: [(&'static str, Value, bool); 4] = [
        ("top_p", short(s.top_p()), s.top_p() == 1.0),
        ("min_p", short(s.min_p()), s.min_p() == 0.0),
        ("top_k", s.top_k().unwrap_or(0).into(), s.top_k().is_none()),
        (
            "repetition_penalty",
            short(s.repetition_penalty()),
            s.repetition_penalty() == 1.0,
        ),
    ];
    for (name, value, is_neutral) in neutral {
        match is_neutral {
            true => set.where_known(name, value),
            false => set.set(name, value)?,
        }
    }
    let others = [
        ("typical_p", s.typical_p(), 1.0),
        ("top_n_sigma", s.top_n_sigma(), 0.0),
        ("presence_penalty", s.presence_penalty(), 0.0),
        ("frequency_penalty", s.frequency_penalty(), 0.0),
    ];
    for (name, value, off) in others {
        if value != off {
            set.set(name, short(value))?;
        }
    }
    lists(s, set)?;
    match s.seed() {
        Some(seed) => set.set("seed", choice_seed(seed, request.choice())),
        None => Ok(()),
    }
}

fn lists(s: &Sampling, set: &mut Setter<'_>) -> Result<(), Rejection> {
    if !s.logit_bias().is_empty() {
        let biases = s.logit_bias().iter();
        let biases: Map<_, _> = biases
            .map(|(id, bias)| (id.to_string(), short(*bias)))
            .collect();
        set.set("logit_bias", biases)?;
    }
    if !s.bad_words().is_empty() {
        set.set("bad_words", s.bad_words())?;
    }
    match s.bad_token_sequences().is_empty() {
        true => Ok(()),
        false => set.set("bad_token_sequences", s.bad_token_sequences()),
    }
}

/// A number as it was written: as an `f64` 0.1 would be 0.10000000149011612.
fn short(number: f32) -> Value {
    number
        .to_string()
        .parse::<f64>()
        .unwrap_or(f64::from(number))
        .into()
}

/// Answers of one request are requests of their own there, and must not draw the same. Servers
/// read seeds as signed numbers.
fn choice_seed(seed: u64, choice: u32) -> u64 {
    seed.wrapping_add(u64::from(choice)) & i64::MAX as u64
}

fn reports(request: &Request, chat: bool, set: &mut Setter<'_>) -> Result<(), Rejection> {
    if let Some(top) = request.logprobs() {
        match chat {
            true => {
                set.set("logprobs", true)?;
                set.set("top_logprobs", top)?;
            }
            false => set.set("logprobs", top)?,
        }
    }
    match request.echo() {
        true => set.set("echo", true),
        false => Ok(()),
    }
}

fn structured(grammar: &Grammar, set: &mut Setter<'_>) -> Result<(), Rejection> {
    let schema = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| Rejection::Grammar {
            kind: grammar.kind(),
            message: error.to_string(),
        })
    };
    let json = |schema: Value| json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
    let outcome = match grammar {
        Grammar::JsonObject => set.set("response_format", json!({"type": "json_object"})),
        Grammar::JsonSchema(text) => set.set("response_format", json(schema(text)?)),
        Grammar::Regex(text) => set.set("structured_outputs", json!({"regex": &**text})),
        Grammar::Lark(text) => set.set("structured_outputs", json!({"grammar": &**text})),
        Grammar::Choice(texts) => set.set("structured_outputs", json!({"choice": &**texts})),
        _ => Err(unsupported("grammar")),
    };
    outcome.map_err(|_| unsupported(grammar.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream_core::{RequestBuilder, Stop};

    fn all() -> Known {
        Known::names([
            "messages",
            "prompt",
            "stream_options",
            "return_token_ids",
            "max_tokens",
            "stop",
            "stop_token_ids",
            "ignore_eos",
            "min_tokens",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "seed",
            "logprobs",
            "top_logprobs",
            "response_format",
            "structured_outputs",
            "tools",
            "logit_bias",
        ])
    }

    fn written(request: RequestBuilder, known: &Known) -> Result<Body, Rejection> {
        body(&request.build().unwrap(), "m", known, &Map::new())
    }

    #[test]
    fn a_request_is_written_with_all_that_it_says() {
        let sampling = Sampling::builder().temperature(0.1).top_k(5).seed(u64::MAX);
        let stop = Stop::builder().string("x").id(7).ignore_eos().min_tokens(2);
        let request = Request::user("Hi")
            .max_tokens(9)
            .sampling(sampling.logit_bias(3, -1.5).build().unwrap())
            .stop(stop.build().unwrap())
            .logprobs(2);
        let body = written(request, &all()).unwrap();
        assert_eq!(body.path, "/v1/chat/completions");
        let expected = json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true},
            "return_token_ids": true, "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 9, "temperature": 0.1, "top_p": 1.0, "top_k": 5, "min_p": 0.0,
            "seed": i64::MAX, "stop": ["x"], "stop_token_ids": [7], "ignore_eos": true,
            "min_tokens": 2, "logprobs": true, "top_logprobs": 2, "logit_bias": {"3": -1.5},
        });
        assert_eq!(Value::Object(body.json), expected);
    }

    #[test]
    fn a_grammar_ends_the_answer_whatever_else_is_said() {
        let stop = Stop::builder().ignore_eos().build().unwrap();
        let request = Request::raw("x").stop(stop).grammar(Grammar::choice(["a"]));
        let body = written(request, &all()).unwrap();
        assert_eq!(body.json.get("ignore_eos"), None);
        assert!(body.json.contains_key("structured_outputs"));
    }

    #[test]
    fn what_the_server_does_not_know_is_refused_by_its_name() {
        let basic = Known::usual();
        let sampled =
            |s: stream_core::SamplingBuilder| Request::raw("x").sampling(s.build().unwrap());
        let stopped = |s: stream_core::StopBuilder| Request::raw("x").stop(s.build().unwrap());
        let b = Sampling::builder;
        let cases = [
            ("top_k", sampled(b().top_k(3))),
            ("min_p", sampled(b().min_p(0.1))),
            ("repetition_penalty", sampled(b().repetition_penalty(1.1))),
            ("bad_words", sampled(b().bad_word("x"))),
            ("min_tokens", stopped(Stop::builder().min_tokens(1))),
            ("ignore_eos", stopped(Stop::builder().ignore_eos())),
            (
                "regex",
                Request::raw("x").grammar(Grammar::Regex("a".into())),
            ),
        ];
        for (name, request) in cases {
            let refused = written(request, &basic).unwrap_err();
            assert_eq!(refused, unsupported(name));
        }
        let sequence = sampled(b().bad_token_sequence([1]));
        assert_eq!(
            written(sequence, &all()).unwrap_err(),
            unsupported("bad_token_sequences")
        );
    }

    #[test]
    fn conversations_keep_their_tools() {
        let talk = Conversation::new(r#"[{"role":"user","content":"x"}]"#).with_tools("[{}]");
        let body = written(Request::conversation(talk), &all()).unwrap();
        assert_eq!(body.json["tools"], json!([{}]));
        let bad = Request::conversation(Conversation::new("nonsense"));
        assert!(matches!(
            written(bad, &all()),
            Err(Rejection::Refused { .. })
        ));
    }

    #[test]
    fn each_choice_has_a_seed_of_its_own() {
        let sampling = Sampling::builder().seed(5).build().unwrap();
        let request = Request::raw("x").sampling(sampling).n(2).build().unwrap();
        let seeds: Vec<_> = request
            .into_choices()
            .map(|one| body(&one, "m", &all(), &Map::new()).unwrap().json["seed"].clone())
            .collect();
        assert_eq!(seeds, [json!(5), json!(6)]);
    }
}
