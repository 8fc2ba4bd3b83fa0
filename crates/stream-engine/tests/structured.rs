//! Structured output with the real model. `cargo xtask test` fetches it.

use regex::Regex;
use serde_json::Value;
use stream_engine::core::{
    BackendExt, Completion, FinishReason, Grammar, Rejection, Request, Sampling, TokenId,
};
use stream_engine::{Ask, EngineError, StreamingConfig, StreamingEngine};

const PERSON: &str = r#"{
    "type": "object",
    "properties": {
        "name": { "type": "string", "maxLength": 20 },
        "age": { "type": "integer", "minimum": 0, "maximum": 120 },
        "role": { "enum": ["keeper", "sailor", "cook"] },
        "home": {
            "type": "object",
            "properties": {
                "town": { "type": "string", "maxLength": 20 },
                "height": { "type": "number", "minimum": 0, "maximum": 100 }
            },
            "required": ["town", "height"],
            "additionalProperties": false
        },
        "friends": {
            "type": "array",
            "items": { "type": "string", "maxLength": 12 },
            "minItems": 1,
            "maxItems": 3
        }
    },
    "required": ["name", "age", "role", "home", "friends"],
    "additionalProperties": false
}"#;

fn engine() -> StreamingEngine {
    StreamingEngine::new(StreamingConfig::default().max_tokens(300))
}

fn drawn(seed: u64) -> Sampling {
    let sampling = Sampling::builder().temperature(1.2).seed(seed);
    sampling.build().unwrap()
}

fn answer(engine: &StreamingEngine, ask: Ask) -> Completion {
    let answer = engine.generate_iter(ask).unwrap().completion().unwrap();
    assert_eq!(
        answer.reason,
        FinishReason::EndOfSequence,
        "{}",
        answer.text
    );
    answer
}

#[track_caller]
fn check_person(text: &str) {
    let person: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let length = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!(person.as_object().unwrap().len(), 5, "{text}");
    assert!(length(&person["name"]) <= 20, "{text}");
    assert!(person["age"].as_u64().unwrap() <= 120, "{text}");
    assert!(
        ["keeper", "sailor", "cook"].contains(&person["role"].as_str().unwrap()),
        "{text}"
    );
    let home = person["home"].as_object().unwrap();
    assert!(home.len() == 2 && length(&home["town"]) <= 20, "{text}");
    assert!(
        (0.0..=100.0).contains(&home["height"].as_f64().unwrap()),
        "{text}"
    );
    let friends = person["friends"].as_array().unwrap();
    assert!((1..=3).contains(&friends.len()), "{text}");
    assert!(friends.iter().all(|friend| length(friend) <= 12), "{text}");
}

#[test]
fn json_is_valid_by_its_schema_at_any_temperature() {
    let engine = engine();
    let ask = || Ask::new("Describe a person at a lighthouse as JSON.").json_schema(PERSON);
    check_person(&answer(&engine, ask().temperature(0.0)).text);
    for seed in 0..4 {
        check_person(&answer(&engine, ask().sampling(drawn(seed))).text);
    }
}

#[test]
fn a_regex_and_a_lark_grammar_are_kept() {
    let engine = engine();
    let pattern = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-[0-3][0-9] (?:morning|evening|naïve 🙂)";
    let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
    let sums = "start: INT (\" + \" INT){1,3} \" = \" INT\nINT: /[1-9][0-9]{0,2}/";
    let sum = Regex::new(r"^[1-9][0-9]{0,2}( \+ [1-9][0-9]{0,2}){1,3} = [1-9][0-9]{0,2}$").unwrap();
    for seed in 0..3 {
        let date = Ask::new("When was the last storm?").regex(pattern);
        let text = answer(&engine, date.sampling(drawn(seed))).text;
        assert!(whole.is_match(&text), "{text}");
        let text = answer(
            &engine,
            Ask::new("Add some numbers.")
                .lark(sums)
                .sampling(drawn(seed)),
        )
        .text;
        assert!(sum.is_match(&text), "{text}");
    }
    let colours = Grammar::choice(["red", "green", "blue"]);
    let text = answer(
        &engine,
        Ask::new("The colour of grass?")
            .grammar(colours)
            .temperature(0.0),
    )
    .text;
    assert!(["red", "green", "blue"].contains(&text.as_str()), "{text}");
}

#[test]
fn ids_are_the_same_alone_and_in_a_batch() {
    let backend = engine().backend().unwrap();
    let request = |seed: u64| {
        let request = Request::user("Describe a person as JSON.").max_tokens(48);
        let grammar = match seed % 3 {
            0 => None,
            1 => Some(Grammar::JsonSchema(PERSON.into())),
            _ => Some(Grammar::Regex("[A-Z][a-z ]{20,60}[.]".into())),
        };
        let request = request.sampling(drawn(seed));
        grammar
            .into_iter()
            .fold(request, stream_engine::core::RequestBuilder::grammar)
            .build()
            .unwrap()
    };
    let ids = |stream: stream_engine::core::TokenStream| -> Vec<TokenId> {
        stream.blocking().completion().unwrap().ids
    };
    let alone: Vec<_> = (0..6)
        .map(|seed| ids(backend.generate(request(seed)).unwrap()))
        .collect();
    let streams: Vec<_> = (0..6)
        .map(|seed| backend.generate(request(seed)).unwrap())
        .collect();
    let together: Vec<_> = streams.into_iter().map(ids).collect();
    assert_eq!(together, alone);
}

#[test]
fn what_cannot_be_kept_is_refused_with_the_reason() {
    let ask = Ask::new("Hello").json_schema(r#"{"not":{"type":"string"}}"#);
    let refused = engine().generate_iter(ask).err().unwrap();
    let EngineError::Rejected(Rejection::Grammar {
        kind: "json_schema",
        message,
    }) = refused
    else {
        panic!("{refused}");
    };
    assert!(message.contains("not"), "{message}");
}
