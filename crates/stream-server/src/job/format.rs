//! The form that the text of an answer must have.

use std::sync::Arc;

use stream_core::Grammar;

use crate::error::ApiError;
use crate::wire::{FormatKind, Parameters, ResponseFormat, StructuredOutputs};

/// The grammar that the parameters ask for.
pub(super) fn grammar(parameters: &mut Parameters) -> Result<Option<Grammar>, ApiError> {
    let format = parameters.response_format.take().map(of_format);
    let outputs = parameters.structured_outputs.take().map(of_outputs);
    match (format.transpose()?.flatten(), outputs.transpose()?) {
        (Some(_), Some(_)) => Err(ApiError::parameter(
            "structured_outputs",
            "response_format and structured_outputs both set a form; set one of them",
        )),
        (one, other) => Ok(one.or(other)),
    }
}

fn of_format(format: ResponseFormat) -> Result<Option<Grammar>, ApiError> {
    match (format.r#type, format.json_schema) {
        (FormatKind::Text, None) => Ok(None),
        (FormatKind::JsonObject, None) => Ok(Some(Grammar::JsonObject)),
        (FormatKind::JsonSchema, Some(json)) => {
            Ok(Some(Grammar::JsonSchema(json.schema.get().into())))
        }
        (FormatKind::JsonSchema, None) => Err(ApiError::parameter(
            "response_format",
            "response_format of the type json_schema needs json_schema",
        )),
        (_, Some(_)) => Err(ApiError::parameter(
            "response_format",
            "response_format has a json_schema, but its type is not json_schema",
        )),
    }
}

fn of_outputs(outputs: StructuredOutputs) -> Result<Grammar, ApiError> {
    let json = outputs.json.map(|schema| schema_text(schema.get()));
    let object = outputs.json_object.filter(|asked| *asked);
    let kinds = [
        json.transpose()?.map(Grammar::JsonSchema),
        object.map(|_| Grammar::JsonObject),
        outputs.regex.map(|text| Grammar::Regex(text.into())),
        outputs.choice.map(Grammar::choice),
        outputs.grammar.map(|text| Grammar::Lark(text.into())),
    ];
    let mut kinds = kinds.into_iter().flatten();
    match (kinds.next(), kinds.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(ApiError::parameter(
            "structured_outputs",
            "structured_outputs must have one of json, json_object, regex, choice and grammar",
        )),
    }
}

/// A schema, or a text that holds one.
fn schema_text(json: &str) -> Result<Arc<str>, ApiError> {
    match json.starts_with('"') {
        false => Ok(json.into()),
        true => serde_json::from_str::<String>(json)
            .map(Into::into)
            .map_err(|e| ApiError::parameter("structured_outputs", e.to_string())),
    }
}
