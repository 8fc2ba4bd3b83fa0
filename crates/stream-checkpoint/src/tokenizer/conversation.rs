//! From a conversation in OpenAI's form to what chat templates read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stream_core::Conversation;

/// What a model is told where its template has no place for tools: the prompt of Hermes function
/// calling (NousResearch/Hermes-Function-Calling), which the templates of many models hold too.
const TOOLS: &str = "\
You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
";
const CALLS: &str = "
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{\"name\": <function-name>, \"arguments\": <args-json-object>}
</tool_call>";

/// Why a conversation gives no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the chat's messages must be a JSON array of objects: {0}")]
    Messages(serde_json::Error),
    #[error("the chat's tools must be a JSON array of objects: {0}")]
    Tools(serde_json::Error),
    #[error("the arguments of the call of `{name}` must be a JSON object: {problem}")]
    Arguments { name: String, problem: String },
}

#[derive(Debug, Deserialize, Serialize)]
struct Message<'a> {
    role: String,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Call<'a> {
    id: Option<String>,
    r#type: Option<String>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Function<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Plain<'a> {
    role: &'a str,
    content: String,
}

fn read(conversation: &Conversation) -> Result<Vec<Message<'_>>, Malformed> {
    serde_json::from_str(&conversation.messages).map_err(Malformed::Messages)
}

/// The messages, with the arguments of calls as objects: that is how templates want them, while
/// OpenAI's form has a text of JSON.
pub(super) fn for_template(conversation: &Conversation) -> Result<String, Malformed> {
    let mut messages = read(conversation)?;
    let texts = messages.iter().map(texts_of_arguments);
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    for (message, texts) in messages.iter_mut().zip(&texts) {
        for (call, text) in message.tool_calls.iter_mut().flatten().zip(texts) {
            call.function.arguments = Some(text);
        }
    }
    serde_json::to_string(&messages).map_err(Malformed::Messages)
}

fn texts_of_arguments(message: &Message<'_>) -> Result<Vec<Box<RawValue>>, Malformed> {
    let calls = message.tool_calls.iter().flatten();
    calls.map(|call| arguments(&call.function)).collect()
}

/// The arguments of a call as an object, whichever form they have.
fn arguments(function: &Function<'_>) -> Result<Box<RawValue>, Malformed> {
    let malformed = |problem: String| Malformed::Arguments {
        name: function.name.clone(),
        problem,
    };
    let given = function.arguments.map_or("{}", RawValue::get);
    let text = match given.starts_with('"') {
        true => serde_json::from_str(given).map_err(|e| malformed(e.to_string()))?,
        false => given.to_owned(),
    };
    let text = if text.trim().is_empty() { "{}" } else { &text };
    match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|e| malformed(e.to_string())),
        false => Err(malformed("it is other JSON".to_owned())),
    }
}

/// The messages of a role and a text each, with everything about tools written into the texts.
pub(super) fn in_messages(conversation: &Conversation) -> Result<String, Malformed> {
    let messages = read(conversation)?;
    let mut plain = Vec::with_capacity(messages.len() + 1);
    for message in &messages {
        plain.push(told(message)?);
    }
    if let Some(tools) = &conversation.tools {
        explain(&mut plain, &signatures(tools)?);
    }
    serde_json::to_string(&plain).map_err(Malformed::Messages)
}

/// One tool a line.
fn signatures(tools: &str) -> Result<String, Malformed> {
    let tools: Vec<&RawValue> = serde_json::from_str(tools).map_err(Malformed::Tools)?;
    let lines: Vec<_> = tools.iter().map(|tool| tool.get()).collect();
    Ok(lines.join("\n"))
}

fn explain(messages: &mut Vec<Plain<'_>>, signatures: &str) {
    let manual = format!("{TOOLS}{signatures}{CALLS}");
    match messages.first_mut().filter(|m| m.role == "system") {
        Some(system) => system.content = format!("{}\n\n{manual}", system.content),
        None => messages.insert(
            0,
            Plain {
                role: "system",
                content: manual,
            },
        ),
    }
}

fn told<'a>(message: &'a Message<'_>) -> Result<Plain<'a>, Malformed> {
    let mut content = text_of(message.content)?;
    if message.role == "tool" {
        let content = format!("<tool_response>\n{content}\n</tool_response>");
        return Ok(Plain {
            role: "user",
            content,
        });
    }
    for call in message.tool_calls.iter().flatten() {
        let name = serde_json::to_string(&call.function.name).map_err(Malformed::Messages)?;
        let arguments = arguments(&call.function)?;
        if !content.is_empty() {
            content.push('\n');
        }
        content.push_str(&format!(
            "<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>"
        ));
    }
    Ok(Plain {
        role: &message.role,
        content,
    })
}

/// A content's text; the parts of one in parts are joined.
fn text_of(content: Option<&RawValue>) -> Result<String, Malformed> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(Option<String>),
        Parts(Vec<Part>),
    }
    #[derive(Deserialize)]
    struct Part {
        text: String,
    }
    let content = content.map_or("null", RawValue::get);
    Ok(match serde_json::from_str(content) {
        Ok(Content::Text(text)) => text.unwrap_or_default(),
        Ok(Content::Parts(parts)) => parts.into_iter().map(|part| part.text).collect(),
        Err(error) => return Err(Malformed::Messages(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &str = r#"[{"role":"user","content":[{"type":"text","text":"Rain?"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
         "function":{"name":"look","arguments":"{\"b\": 1, \"a\": [2]}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"yes"}]"#;

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn arguments_are_objects_for_a_template_and_keep_their_order() {
        let text = for_template(&Conversation::new(TALK)).unwrap();
        assert!(text.contains(r#""arguments":{"b": 1, "a": [2]}"#), "{text}");
        let again = Conversation::new(text.as_str());
        assert_eq!(value(&for_template(&again).unwrap()), value(&text));
    }

    #[test]
    fn a_template_without_tools_is_told_of_them_in_texts() {
        let talk = Conversation::new(TALK).with_tools(r#"[{"type":"function"}]"#);
        let messages = value(&in_messages(&talk).unwrap());
        let system = messages[0]["content"].as_str().unwrap();
        assert_eq!(messages[0]["role"], "system");
        assert!(system.contains("<tools>\n{\"type\":\"function\"}\n</tools>"));
        assert_eq!(messages[1]["content"], "Rain?");
        let call = "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"b\": 1, \"a\": [2]}}\n</tool_call>";
        assert_eq!(messages[2]["content"], call);
        assert_eq!(messages[3]["role"], "user");
        assert_eq!(
            messages[3]["content"],
            "<tool_response>\nyes\n</tool_response>"
        );
    }

    #[test]
    fn what_is_malformed_is_named() {
        let call = |arguments: &str| {
            Conversation::new(format!(
                r#"[{{"role":"assistant","tool_calls":[{{"function":{{"name":"f","arguments":{arguments}}}}}]}}]"#
            ))
        };
        for arguments in ["\"[1]\"", "\"{\"", "7"] {
            let error = for_template(&call(arguments)).unwrap_err().to_string();
            assert!(error.contains("call of `f`"), "{error}");
        }
        assert!(for_template(&call("\"\"")).is_ok());
        for messages in ["{}", "[1]", "[{}]", "nonsense"] {
            let error = for_template(&Conversation::new(messages)).unwrap_err();
            assert!(error.to_string().contains("messages"), "{error}");
        }
        let talk = Conversation::new("[]").with_tools("{}");
        assert!(
            in_messages(&talk)
                .unwrap_err()
                .to_string()
                .contains("tools")
        );
    }
}
