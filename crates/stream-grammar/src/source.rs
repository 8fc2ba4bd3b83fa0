//! From what a request says to what llguidance reads.

use llguidance::JsonCompileOptions;
use llguidance::api::TopLevelGrammar;
use serde_json::{Value, json};
use stream_core::Grammar;

/// The most bytes of a Lark grammar. Its compiler goes one call deeper for each rule in a chain.
const LONGEST_LARK: usize = 64 * 1024;

/// Between the parts of a JSON value (`SPACE_RULE` in llama.cpp's `json-schema-to-grammar.cpp`).
const WHITESPACE: &str = r"(?: |\n{1,2}[ \t]{0,20})";

/// What llguidance is to compile.
pub(crate) fn read(grammar: &Grammar) -> Result<TopLevelGrammar, String> {
    match grammar {
        Grammar::JsonObject => Ok(of_schema(json!({ "type": "object" }))),
        Grammar::JsonSchema(text) => serde_json::from_str(text)
            .map(of_schema)
            .map_err(|error| format!("it is not JSON: {error}")),
        Grammar::Regex(pattern) => of_regex(pattern),
        Grammar::Choice(texts) => {
            let escaped: Vec<_> = texts
                .iter()
                .map(|text| regex_syntax::escape(text))
                .collect();
            of_regex(&format!("(?:{})", escaped.join("|")))
        }
        Grammar::Lark(text) if text.len() > LONGEST_LARK => {
            let length = text.len();
            Err(format!(
                "it has {length} bytes, at most {LONGEST_LARK} are read"
            ))
        }
        Grammar::Lark(text) => Ok(TopLevelGrammar::from_lark(text.to_string())),
        other => Err(format!("a {} is not known here", other.kind())),
    }
}

fn of_schema(mut schema: Value) -> TopLevelGrammar {
    let options = JsonCompileOptions {
        whitespace_pattern: Some(WHITESPACE.to_owned()),
        ..JsonCompileOptions::default()
    };
    if schema
        .as_object()
        .is_some_and(|fields| !fields.contains_key("x-guidance"))
    {
        options.apply_to(&mut schema);
    }
    TopLevelGrammar::from_json_schema(schema)
}

fn of_regex(pattern: &str) -> Result<TopLevelGrammar, String> {
    match regex_syntax::parse(pattern) {
        Ok(_) => Ok(TopLevelGrammar::from_regex(pattern)),
        Err(regex_syntax::Error::Parse(error)) => Err(wrong(error.kind(), error.span())),
        Err(regex_syntax::Error::Translate(error)) => Err(wrong(error.kind(), error.span())),
        Err(error) => Err(error.to_string()),
    }
}

fn wrong(kind: &dyn std::fmt::Display, place: &regex_syntax::ast::Span) -> String {
    format!("{kind}, at byte {}", place.start.offset)
}
