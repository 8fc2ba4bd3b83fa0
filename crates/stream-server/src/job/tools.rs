//! Which tools the model is shown, and how it is made to call one.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use stream_core::Grammar;

use crate::error::ApiError;
use crate::tools::ToolStyle;
use crate::wire::{ChatRequest, Tool, ToolChoice, ToolMode};

/// The most tools of a request.
const MOST: usize = 128;

/// What is decided about a request's tools.
pub(super) struct Chosen {
    /// The tools as JSON, for the chat template.
    pub(super) shown: Option<String>,
    /// How calls stand in the model's text.
    pub(super) style: ToolStyle,
}

/// Decides, and sets the grammar that a forced call must match.
pub(super) fn choose(
    body: &mut ChatRequest,
    grammar: &mut Option<Grammar>,
) -> Result<Chosen, ApiError> {
    let tools = body.tools.take().unwrap_or_default();
    let choice = body.tool_choice.take();
    let wrong = |message: String| Err(ApiError::parameter("tool_choice", message));
    if tools.is_empty() {
        return match choice {
            None | Some(ToolChoice::Mode(ToolMode::None | ToolMode::Auto)) => Ok(Chosen {
                shown: None,
                style: ToolStyle::None,
            }),
            Some(_) => wrong("tool_choice asks for a call, but there are no tools".to_owned()),
        };
    }
    check(&tools)?;
    let style = match choice.unwrap_or(ToolChoice::Mode(ToolMode::Auto)) {
        ToolChoice::Mode(ToolMode::None) => ToolStyle::None,
        ToolChoice::Mode(ToolMode::Auto) => ToolStyle::Tagged {
            several: body.parallel_tool_calls.unwrap_or(true),
        },
        ToolChoice::Mode(ToolMode::Required) => {
            force(grammar, &tools)?;
            ToolStyle::Bare
        }
        ToolChoice::Named(named) => {
            let name = named.function.name;
            let known: Vec<_> = tools.iter().filter(|t| t.function.name == name).collect();
            let [tool] = known[..] else {
                return wrong(format!("tool_choice names `{name}`, which is no tool"));
            };
            force_arguments(grammar, tool)?;
            ToolStyle::Arguments { name: name.into() }
        }
    };
    // A model that must not call a tool is not shown any.
    let shown = match style {
        ToolStyle::None => None,
        _ => Some(serde_json::to_string(&tools).map_err(|e| ApiError::invalid(e.to_string()))?),
    };
    Ok(Chosen { shown, style })
}

fn check(tools: &[Tool]) -> Result<(), ApiError> {
    if tools.len() > MOST {
        let message = format!(
            "tools is a list of {}, but must be of at most {MOST}",
            tools.len()
        );
        return Err(ApiError::parameter("tools", message));
    }
    for (i, tool) in tools.iter().enumerate() {
        let name = &tool.function.name;
        let letters = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(letters) {
            let message = format!(
                "tools[{i}].function.name is {name:?}, but must be of 1 to 64 letters, digits, \
                 `_`, `-` and `.`"
            );
            return Err(ApiError::parameter("tools", message));
        }
    }
    Ok(())
}

/// Words of JSON Schema by which a schema speaks of members that it does not name itself.
const ON_OTHER_MEMBERS: [&str; 8] = [
    "additionalProperties",
    "patternProperties",
    "unevaluatedProperties",
    "propertyNames",
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
];

/// The schema of a call's arguments: those that the tool names, unless its schema speaks of others.
/// A model would else make up members for ever, and functions refuse arguments that they do not know.
fn schema(tool: &Tool) -> String {
    let parameters = tool.function.parameters.as_ref();
    let json = parameters.map_or("{}", |json| json.get().trim());
    let Ok(words) = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(json) else {
        return json.to_owned();
    };
    if ON_OTHER_MEMBERS
        .iter()
        .any(|word| words.contains_key(*word))
    {
        return json.to_owned();
    }
    let object = match words.contains_key("type") {
        true => "",
        false => r#""type":"object","#,
    };
    let comma = if words.is_empty() { "" } else { "," };
    // The text is kept as it came: the order of members is the order in which they are written.
    let rest = json.strip_prefix('{').unwrap_or(json);
    format!(r#"{{{object}"additionalProperties":false{comma}{rest}"#)
}

fn force(grammar: &mut Option<Grammar>, tools: &[Tool]) -> Result<(), ApiError> {
    let mut rules = String::from("start: ");
    let names: Vec<_> = (0..tools.len()).map(|i| format!("call_{i}")).collect();
    rules.push_str(&names.join(" | "));
    for (i, tool) in tools.iter().enumerate() {
        // A name has no character that JSON or the grammar would write otherwise.
        let name = &tool.function.name;
        rules.push_str(&format!(
            "\ncall_{i}: \"{{\\\"name\\\": \\\"{name}\\\", \\\"arguments\\\": \" args_{i} \"}}\"\n\
             args_{i}: %json {}",
            schema(tool)
        ));
    }
    only(grammar, Grammar::Lark(rules.into()))
}

fn force_arguments(grammar: &mut Option<Grammar>, tool: &Tool) -> Result<(), ApiError> {
    only(grammar, Grammar::JsonSchema(schema(tool).into()))
}

fn only(grammar: &mut Option<Grammar>, forced: Grammar) -> Result<(), ApiError> {
    match grammar.replace(forced) {
        None => Ok(()),
        Some(_) => Err(ApiError::parameter(
            "tool_choice",
            "tool_choice forces a call, and response_format another form; set one of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_arguments_that_are_named() {
        let open = r#"{"type": "object", "additionalProperties": true}"#;
        let other = r#"{"anyOf": [{"type": "object"}]}"#;
        for (parameters, expected) in [
            ("", r#"{"type":"object","additionalProperties":false}"#),
            ("{ }", r#"{"type":"object","additionalProperties":false }"#),
            (
                r#"{"type": "object", "properties": {"b": {}, "a": {}}}"#,
                r#"{"additionalProperties":false,"type": "object", "properties": {"b": {}, "a": {}}}"#,
            ),
            (open, open),
            (other, other),
            ("true", "true"),
        ] {
            let parameters = match parameters {
                "" => String::new(),
                json => format!(r#","parameters":{json}"#),
            };
            let tool = format!(r#"{{"type":"function","function":{{"name":"f"{parameters}}}}}"#);
            let tool: Tool = serde_json::from_str(&tool).unwrap();
            assert_eq!(schema(&tool), expected, "{parameters}");
        }
    }
}
