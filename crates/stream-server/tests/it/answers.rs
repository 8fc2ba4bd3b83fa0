//! Answers, streamed and whole.

use serde_json::json;
use stream_core::Mock;
use stream_testkit::{Act, Scripted};

use crate::client::{chat, complete, get, serve};

const WORDS: [&str; 3] = ["Once", " \"upon\"", " a\ntime é"];
const TEXT: &str = "Once \"upon\" a\ntime é";

#[tokio::test]
async fn a_chat_is_answered_in_one_piece() {
    let router = serve(Mock::new(WORDS).with_prompt_tokens(5));
    let answer = chat(&router, json!({"model": "script"})).await.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "script");
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], TEXT);
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8,
                       "prompt_tokens_details": {"cached_tokens": 0}});
    assert_eq!(answer["usage"], usage);
}

#[tokio::test]
async fn a_chat_is_streamed() {
    let router = serve(Mock::new(WORDS).with_prompt_tokens(5));
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = chat(&router, more).await;
    assert_eq!(
        answer.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert_eq!(answer.headers["x-accel-buffering"], "no");
    assert!(!answer.text.contains("id:"), "{}", answer.text);
    let events = answer.events();
    let first = &events[0]["choices"][0]["delta"];
    assert_eq!(*first, json!({"role": "assistant", "content": ""}));
    assert_eq!(answer.said(0), TEXT);
    let [.., end, usage] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(end["usage"], json!(null));
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], 8);
    let ids: std::collections::HashSet<_> = events.iter().map(|e| e["id"].as_str()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn without_asking_there_is_no_usage() {
    let answer = chat(&serve(Mock::new(WORDS)), json!({"stream": true})).await;
    assert!(!answer.text.contains("usage"));
}

#[tokio::test]
async fn completions_are_answered_and_streamed() {
    let router = serve(Mock::new(WORDS));
    let whole = complete(&router, json!({"max_tokens": 2})).await.json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["choices"][0]["text"], "Once \"upon\"");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    let streamed = complete(&router, json!({"max_tokens": 2, "stream": true})).await;
    assert_eq!(streamed.said(0), "Once \"upon\"");
}

#[tokio::test]
async fn several_prompts_and_several_answers_have_their_numbers() {
    let router = serve(Mock::new(WORDS).with_prompt_tokens(4));
    let asked = json!({"prompt": ["a", "b"], "n": 2});
    let whole = complete(&router, asked.clone()).await.json();
    let numbers: Vec<_> = whole["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["index"])
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(whole["usage"]["prompt_tokens"], 8);
    assert_eq!(whole["usage"]["completion_tokens"], 12);
    let mut streamed = asked;
    streamed["stream"] = true.into();
    let streamed = complete(&router, streamed).await;
    for choice in 0..4 {
        assert_eq!(streamed.said(choice), TEXT);
    }
}

#[tokio::test]
async fn log_probabilities_and_ids_come_where_they_are_asked_for() {
    let router = serve(Mock::new(WORDS));
    let asked = json!({"logprobs": true, "top_logprobs": 1, "return_token_ids": true});
    let whole = chat(&router, asked.clone()).await.json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["token_ids"], json!([0, 1, 2]));
    let tokens = choice["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert_eq!(tokens[0]["token"], "Once");
    assert_eq!(tokens[0]["bytes"], json!(b"Once"));
    assert_eq!(tokens[0]["top_logprobs"][0]["logprob"], 0.0);
    let mut streamed = asked;
    streamed["stream"] = true.into();
    let events = chat(&router, streamed).await.events();
    let ids: Vec<_> = events
        .iter()
        .filter_map(|e| e["choices"][0]["token_ids"].as_array())
        .collect();
    assert_eq!(ids.len(), 3);
    let all: Vec<_> = ids.into_iter().flatten().cloned().collect();
    assert_eq!(json!(all), json!([0, 1, 2]));
    let completion = complete(&router, json!({"logprobs": 1})).await.json();
    let logprobs = &completion["choices"][0]["logprobs"];
    assert_eq!(logprobs["text_offset"], json!([0, 4, 11]));
    assert_eq!(logprobs["tokens"][0], "Once");
}

#[tokio::test]
async fn characters_that_tokens_divide_are_whole() {
    let script = [
        Act::say("a"),
        Act::say(b"\xF0\x9F"),
        Act::say(b"\x90\x9F"),
        Act::say("b"),
    ];
    let answer = chat(&serve(Scripted::new(script)), json!({"stream": true})).await;
    assert_eq!(answer.said(0), "a🐟b");
}

#[tokio::test]
async fn what_is_served_is_told() {
    let router = serve(Mock::new(WORDS));
    let models = get(&router, "/v1/models").await.json();
    assert_eq!(models["data"][0]["id"], "script");
    assert_eq!(
        get(&router, "/v1/models/script").await.json()["object"],
        "model"
    );
    assert_eq!(get(&router, "/v1/models/other/one").await.status, 404);
    assert_eq!(get(&router, "/health").await.json()["backend"], "mock");
    assert_eq!(get(&router, "/ready").await.json()["status"], "ready");
    let version = get(&router, "/version").await.json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(get(&router, "/metrics").await.status, 501);
    assert_eq!(get(&router, "/nothing").await.status, 404);
    assert_eq!(get(&router, "/v1/completions").await.status, 405);
    for page in ["/", "/docs"] {
        let page = get(&router, page).await;
        assert!(page.text.starts_with("<!doctype html>"));
        assert!(!page.text.contains("http://") && !page.text.contains("https://"));
    }
}

#[tokio::test]
async fn the_description_knows_every_parameter() {
    let api = get(&serve(Mock::new(WORDS)), "/openapi.json").await.json();
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/tokenize",
        "/metrics",
    ] {
        assert!(api["paths"].get(path).is_some(), "{path}");
    }
    let schemas = &api["components"]["schemas"];
    for name in [
        "messages",
        "temperature",
        "tools",
        "top_k",
        "structured_outputs",
    ] {
        let known = &schemas["ChatRequest"]["properties"];
        assert!(known.get(name).is_some(), "{name}");
    }
}
