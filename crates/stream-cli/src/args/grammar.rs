//! What an answer must match.

use std::path::Path;

use clap::Args;
use stream_engine::core::Grammar;

use crate::failure::Failure;

/// At most one of them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct GrammarArgs {
    /// The answer is JSON that is valid by this JSON Schema: its text, or a file with it
    #[arg(long, value_name = "FILE|TEXT", help_heading = "Structured output")]
    json_schema: Option<String>,
    /// The answer is a JSON object
    #[arg(long, help_heading = "Structured output")]
    json_object: bool,
    /// The whole answer matches this regular expression (Rust's syntax)
    #[arg(
        long,
        value_name = "PATTERN",
        allow_hyphen_values = true,
        help_heading = "Structured output"
    )]
    regex: Option<String>,
    /// The answer matches the Lark grammar in this file, from its rule `start`
    #[arg(long, value_name = "FILE", help_heading = "Structured output")]
    lark: Option<String>,
    /// The answer is this text; repeat it for alternatives
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        help_heading = "Structured output"
    )]
    choice: Vec<String>,
}

impl GrammarArgs {
    /// The grammar, with its file read.
    pub(crate) fn read(&self) -> Result<Option<Grammar>, Failure> {
        if let Some(schema) = &self.json_schema {
            return Ok(Some(Grammar::JsonSchema(schema_text(schema)?.into())));
        }
        if let Some(path) = &self.lark {
            return Ok(Some(Grammar::Lark(file("--lark", path)?.into())));
        }
        if let Some(pattern) = &self.regex {
            return Ok(Some(Grammar::Regex(pattern.as_str().into())));
        }
        if !self.choice.is_empty() {
            return Ok(Some(Grammar::choice(&self.choice)));
        }
        Ok(self.json_object.then_some(Grammar::JsonObject))
    }
}

/// A schema is an object or a boolean; anything else is a path.
fn schema_text(given: &str) -> Result<String, Failure> {
    let is_text = given.trim_start().starts_with('{') || ["true", "false"].contains(&given.trim());
    match is_text && !Path::new(given).is_file() {
        true => Ok(given.to_owned()),
        false => file("--json-schema", given),
    }
}

fn file(flag: &str, path: &str) -> Result<String, Failure> {
    let failed = |error| Failure::input(format!("{flag}: cannot read {path}: {error}"));
    std::fs::read_to_string(path).map_err(failed)
}
