//! Tools: chosen, called, streamed.

use serde_json::{Value, json};
use stream_core::Mock;
use stream_testkit::{Act, Scripted};

use crate::client::{chat, serve};

fn tools() -> Value {
    json!([{"type": "function", "function": {
        "name": "look", "description": "Looks.", "strict": true,
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}])
}

const CALL: [&str; 6] = [
    "Let me see.",
    "<tool",
    "_call>{\"name\": \"look\",",
    " \"arguments\": {\"at\":",
    " \"sky\"}",
    "}</tool_call>",
];

#[tokio::test]
async fn a_call_is_told_whole() {
    let script = CALL.map(Act::say);
    let answer = chat(&serve(Scripted::new(script)), json!({"tools": tools()}))
        .await
        .json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "Let me see.");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["type"], "function");
    let function = json!({"name": "look", "arguments": "{\"at\": \"sky\"}"});
    assert_eq!(call["function"], function);
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
}

#[tokio::test]
async fn a_call_is_streamed_as_it_is_made() {
    let script = CALL.map(Act::say);
    let asked = json!({"tools": tools(), "stream": true});
    let answer = chat(&serve(Scripted::new(script)), asked).await;
    assert_eq!(answer.said(0), "Let me see.");
    let events = answer.events();
    let deltas: Vec<_> = events
        .iter()
        .filter_map(|e| e["choices"][0]["delta"]["tool_calls"][0].as_object())
        .collect();
    assert_eq!(deltas[0]["function"]["name"], "look");
    assert!(deltas[0]["id"].is_string());
    let arguments: Vec<_> = deltas
        .iter()
        .map(|d| d["function"]["arguments"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, ["", "{\"at\":", " \"sky\"}"]);
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[tokio::test]
async fn a_conversation_with_calls_goes_on() {
    let messages = json!([
        {"role": "user", "content": "Look!"},
        {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
    ]);
    let router = serve(Scripted::new([Act::say("It is blue.")]));
    let answer = chat(&router, json!({"messages": messages, "tools": tools()}))
        .await
        .json();
    assert_eq!(answer["choices"][0]["message"]["content"], "It is blue.");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn choices_that_cannot_be_made_are_refused() {
    let router = serve(Mock::new(["x"]));
    let cases = [
        json!({"tool_choice": "required"}),
        json!({"tools": tools(), "tool_choice": {"type": "function", "function": {"name": "no"}}}),
        json!({"tools": tools(), "tool_choice": "maybe"}),
        json!({"tools": tools(), "tool_choice": "required", "response_format": {"type": "json_object"}}),
        json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}),
    ];
    for case in cases {
        let answer = chat(&router, case.clone()).await;
        assert_eq!(answer.status, 400, "{case}");
        let param = answer.json()["error"]["param"].clone();
        assert!(
            param.as_str().unwrap().starts_with("tool"),
            "{}",
            answer.text
        );
    }
    // Forced calls need a grammar, which this backend does not have.
    let forced = chat(
        &router,
        json!({"tools": tools(), "tool_choice": "required"}),
    )
    .await;
    assert_eq!(forced.json()["error"]["param"], "grammar");
}
