//! Whatever is chosen of what a matcher allows, the text matches.

use proptest::prelude::*;
use serde_json::Value;
use stream_core::Grammar;
use stream_runtime::grammar::GrammarCompiler;

use crate::lab::{grammars, lark, random, regex, schema, walk};

/// Texts of so many walks that came to an end.
fn texts(grammar: &Grammar, walks: u64) -> Vec<String> {
    let grammars = grammars();
    let texts = (1..=walks).filter_map(|seed| {
        let mut matcher = grammars.compile(grammar).unwrap();
        let walk = walk(&mut *matcher, 60, random(seed));
        walk.ended.then_some(walk.text)
    });
    let texts: Vec<_> = texts.collect();
    assert!(!texts.is_empty(), "no walk of {grammar:?} came to an end");
    texts
}

/// A regular expression of a small family.
fn family() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[a-c]".prop_map(String::from),
        Just("é".to_owned()),
        Just("🙂".to_owned()),
        Just("水".to_owned()),
        Just("[a-z]".to_owned()),
        Just("[0-9]".to_owned()),
        Just(r"\p{Greek}".to_owned()),
        Just(r"[^a]".to_owned()),
        Just("/".to_owned()),
        Just(r"\.".to_owned()),
    ];
    atom.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            inner.clone().prop_map(|part| format!("(?:{part})*")),
            inner.clone().prop_map(|part| format!("(?:{part})?")),
            (inner, 1..3_u32, 0..3_u32)
                .prop_map(|(part, least, more)| format!("(?:{part}){{{least},{}}}", least + more)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_text_matches_its_regex(pattern in family(), seed in 1..u64::MAX) {
        let whole = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let mut matcher = grammars().compile(&regex(&pattern)).unwrap();
        let walk = walk(&mut *matcher, 40, random(seed));
        prop_assert_eq!(walk.ended, whole.is_match(&walk.text) && walk.ended, "{}", walk.text);
    }

    #[test]
    fn a_text_is_one_of_the_choices(
        choices in prop::collection::vec(r#"[a-cé🙂/\\\n."\[(|#&~ -]{0,5}"#, 1..5),
        seed in 1..u64::MAX,
    ) {
        let mut matcher = grammars().compile(&Grammar::choice(choices.clone())).unwrap();
        let walk = walk(&mut *matcher, 40, random(seed));
        prop_assert!(walk.ended && choices.contains(&walk.text), "{walk:?}");
    }
}

#[test]
fn a_text_is_valid_by_its_schema() {
    let text = r#"{
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 4 },
            "age": { "type": "integer", "minimum": 3, "maximum": 150 },
            "kind": { "enum": ["é", "b", null] },
            "at": {
                "type": "object",
                "properties": { "x": { "type": "number", "minimum": -1, "maximum": 1 } },
                "required": ["x"],
                "additionalProperties": false
            },
            "tags": { "type": "array", "items": { "type": "boolean" }, "minItems": 1, "maxItems": 2 }
        },
        "required": ["name", "age", "kind", "at", "tags"],
        "additionalProperties": false
    }"#;
    for text in texts(&schema(text), 60) {
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 5, "{text}");
        assert!(
            value["name"].as_str().unwrap().chars().count() <= 4,
            "{text}"
        );
        assert!(
            (3..=150).contains(&value["age"].as_i64().unwrap()),
            "{text}"
        );
        assert!(
            [Value::Null, "é".into(), "b".into()].contains(&value["kind"]),
            "{text}"
        );
        assert!(
            (-1.0..=1.0).contains(&value["at"]["x"].as_f64().unwrap()),
            "{text}"
        );
        let tags = value["tags"].as_array().unwrap();
        assert!(
            (1..=2).contains(&tags.len()) && tags.iter().all(Value::is_boolean),
            "{text}"
        );
    }
}

#[test]
fn whitespace_between_parts_is_bounded() {
    let mut whitespace = false;
    for text in texts(
        &schema(r#"{"type":"array","items":{"type":"integer"}}"#),
        200,
    ) {
        serde_json::from_str::<Value>(&text).unwrap();
        let runs = text.split(|c: char| !c.is_whitespace());
        for run in runs.filter(|run| !run.is_empty()) {
            whitespace = true;
            let rest = run.trim_start_matches('\n');
            let lines = run.len() - rest.len();
            assert!(
                lines <= 2 && rest.len() <= 20 && (lines > 0 || rest == " "),
                "{text:?}"
            );
        }
    }
    assert!(whitespace);
    let own =
        r#"{"type":"array","items":{"type":"integer"},"x-guidance":{"whitespace_flexible":false}}"#;
    let blank = |text: &String| text.contains(char::is_whitespace);
    assert!(!texts(&schema(own), 40).iter().any(blank));
}

#[test]
fn any_object_is_an_object() {
    for text in texts(&Grammar::JsonObject, 200) {
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => assert!(value.is_object(), "{text}"),
            // 1e999 is JSON, and no number of ours.
            Err(error) => assert!(
                error.to_string().contains("out of range"),
                "{error}: {text}"
            ),
        }
    }
}

#[test]
fn a_recursive_grammar_is_kept() {
    let sums = lark("start: term (\"+\" term)*\nterm: /[0-9]/ | \"(\" start \")\"\n");
    for text in texts(&sums, 40) {
        let opened = text.matches('(').count();
        assert_eq!(opened, text.matches(')').count(), "{text}");
        assert!(text.chars().all(|c| "0123456789+()".contains(c)), "{text}");
    }
}

#[test]
fn a_matcher_begins_anew_for_each_answer() {
    let grammars = grammars();
    let grammar = regex("ab+");
    let texts: Vec<_> = (0..3)
        .map(|_| walk(&mut *grammars.compile(&grammar).unwrap(), 30, random(7)))
        .collect();
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}
