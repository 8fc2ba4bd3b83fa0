//! Rows 68 to 75: what a server may say, and what it must not.

use std::time::Duration;

use backend_vllm::{ConnectError, Vllm};
use stream_core::{BackendExt, Error, FinishReason, Rejection, Request};

use crate::misbehaving::{
    DONE, Misbehaving, Part, STOP, ask, events, good, head, json, says, start, whole,
};

fn outcome(answer: Vec<Part>) -> Result<(String, FinishReason), Error> {
    let server = Misbehaving::new([answer]);
    let completion = ask(&server.backend())?;
    Ok((completion.text, completion.reason))
}

fn is_well(answer: Vec<Part>, text: &str) {
    let found = outcome(answer);
    assert_eq!(found, Ok((text.to_owned(), FinishReason::EndOfSequence)));
}

#[test]
fn a_good_answer_is_read() {
    is_well(good(), "Hello, world");
    let server = Misbehaving::new([good()]);
    let completion = ask(&server.backend()).unwrap();
    assert!(completion.ids.is_empty());
    assert_eq!(completion.usage.completion_tokens, 2);
    assert_eq!(server.last_body()["prompt"], "Hi");
    assert_eq!(server.last_body()["model"], "m");
}

/// Row 70, over a connection.
#[test]
fn an_answer_in_single_bytes_is_the_same() {
    let text = [
        &says("é🐟"),
        ": comment\r\n\r\n",
        "\r\n",
        &says("水").replace('\n', "\r"),
        STOP,
        DONE,
    ];
    is_well(
        vec![head(), Part::Trickle(text.concat().into_bytes())],
        "é🐟水",
    );
}

/// Row 68.
#[test]
fn an_answer_that_breaks_off_is_never_a_silent_stop() {
    for cut in [
        vec![],
        vec![says("Hello")],
        vec![says("Hello"), DONE.to_owned()],
    ] {
        let cut: Vec<_> = cut.iter().map(String::as_str).collect();
        let found = outcome(events(&cut));
        assert!(
            matches!(found, Err(Error::Truncated(_))),
            "{cut:?}: {found:?}"
        );
    }
    // A chunked body that ends in the middle, and an event that does.
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                   transfer-encoding: chunked\r\n\r\n";
    let event = says("Hello");
    let chunk = format!("{chunked}{:x}\r\n{event}\r\n", event.len());
    let found = outcome(vec![Part::Bytes(chunk.into_bytes())]);
    assert!(matches!(found, Err(Error::Truncated(_))), "{found:?}");
    let half = says("Hello") + "data: {\"id\":\"1\",\"cho";
    let found = outcome(events(&[&half]));
    assert!(matches!(found, Err(Error::Truncated(_))), "{found:?}");
}

#[test]
fn a_missing_done_is_borne() {
    is_well(events(&[&says("Hello"), STOP]), "Hello");
}

/// Row 69.
#[test]
fn a_server_that_stalls_is_given_up() {
    let found = outcome(vec![
        head(),
        Part::Bytes(says("Hello").into_bytes()),
        Part::Hold,
    ]);
    assert!(matches!(found, Err(Error::Truncated(_))), "{found:?}");
    let silent = Misbehaving::new([vec![head(), Part::Hold]]);
    let found = ask(&Vllm::connect(silent.config().retries(0)).unwrap());
    assert!(matches!(found, Err(Error::Truncated(_))), "{found:?}");
}

/// Row 71.
#[test]
fn a_line_without_an_end_is_not_kept() {
    let endless = vec![head(), Part::Bytes(vec![b'x'; 1 << 20])];
    let server = Misbehaving::new([endless]);
    let backend = Vllm::connect(server.config().most_bytes(1 << 16)).unwrap();
    let error = ask(&backend).unwrap_err();
    assert!(
        matches!(&error, Error::Protocol(m) if m.contains("65536")),
        "{error}"
    );
    server.settles();
}

/// Row 72.
#[test]
fn what_is_no_answer_is_a_protocol_error() {
    let other_id = says("x").replace("\"1\"", "\"2\"");
    let two = r#"data: {"choices":[{"text":"a"},{"text":"b"}]}"#.to_owned() + "\n\n";
    let odd = r#"data: {"choices":[{"text":"a","token_ids":[1,2],"logprobs":{"content":[{"token":"a","logprob":0}]}}]}"#;
    let cases = [
        whole("200 OK", "text/html", "", "<html>Please log in</html>"),
        whole("200 OK", "text/plain", "", "hello"),
        json("200 OK", "[1]"),
        json("200 OK", "{"),
        events(&["data: {\"choices\": 3}\n\n"]),
        events(&["data: nonsense\n\n"]),
        events(&[&says("a"), &other_id]),
        events(&[&says("a"), STOP, &says("late")]),
        events(&[&two]),
        events(&[&(odd.to_owned() + "\n\n")]),
    ];
    for case in cases {
        let found = outcome(case.clone());
        assert!(
            matches!(found, Err(Error::Protocol(_))),
            "{case:?}: {found:?}"
        );
    }
}

#[test]
fn errors_in_a_stream_are_errors() {
    let event = "data: {\"error\": {\"message\": \"out of memory\", \"code\": 500}}\n\n";
    for stream in [events(&[event]), events(&[&says("a"), event, DONE])] {
        assert_eq!(outcome(stream), Err(Error::Engine("out of memory".into())));
    }
    let aborted = STOP.replace("stop", "abort");
    assert!(matches!(
        outcome(events(&[&aborted])),
        Err(Error::Truncated(_))
    ));
    let filtered = STOP.replace("stop", "content_filter");
    assert!(matches!(
        outcome(events(&[&filtered])),
        Err(Error::Engine(_))
    ));
}

#[test]
fn what_is_harmless_is_passed_over() {
    let usage = "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"x\":1}}\n\n";
    let empty = "data: {\"id\":\"1\",\"choices\":[{\"text\":\"\",\"finish_reason\":\"\"}],\"usage\":{}}\n\n";
    let server = Misbehaving::new([events(&[empty, &says("a"), STOP, usage, DONE])]);
    let completion = ask(&server.backend()).unwrap();
    assert_eq!(completion.text, "a");
    assert_eq!(completion.usage.prompt_tokens, 7);
}

#[test]
fn ids_are_told_where_the_server_tells_them() {
    let chunk = |ids: &str, text: &str| {
        format!("data: {{\"choices\":[{{\"text\":\"{text}\",\"token_ids\":{ids}}}]}}\n\n")
    };
    let all = [
        chunk("[5]", "a"),
        chunk("[6,7]", "bc"),
        chunk("[]", "d"),
        STOP.to_owned(),
        DONE.to_owned(),
    ];
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let completion = ask(&Misbehaving::new([events(&all)]).backend()).unwrap();
    assert_eq!(completion.ids, [5, 6, 7]);
    assert_eq!(completion.usage.completion_tokens, 3);
    assert_eq!(completion.text, "abcd");
}

#[test]
fn thoughts_and_calls_are_put_back_into_the_text() {
    let delta = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
    let call = |name: &str| {
        delta(&format!(
            r#"{{"tool_calls":[{{"index":0,"function":{{"name":"{name}","arguments":""}}}}]}}"#
        ))
    };
    let arguments = delta(r#"{"tool_calls":[{"function":{"arguments":"{\"a\": 1}"}}]}"#);
    let all = [
        delta(r#"{"role":"assistant","content":""}"#),
        delta(r#"{"reasoning_content":"hm","reasoning":"hm"}"#),
        delta(r#"{"content":"So"}"#),
        call("f"),
        arguments.clone(),
        call("g"),
        arguments,
        STOP.replace("\"id\":\"1\",", "")
            .replace("stop", "tool_calls"),
    ];
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    is_well(
        events(&all),
        "<think>hm</think>So<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\
         <tool_call>\n{\"name\": \"g\", \"arguments\": {\"a\": 1}}\n</tool_call>",
    );
}

/// Row 73.
#[test]
fn a_server_that_does_not_stream_is_understood() {
    let body =
        r#"{"choices":[{"text":"Hello","finish_reason":"length"}],"usage":{"prompt_tokens":3}}"#;
    let found = outcome(json("200 OK", body));
    assert_eq!(found, Ok(("Hello".to_owned(), FinishReason::Length)));
    let chat = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    is_well(json("200 OK", chat), "Hi");
}

/// Row 74: a stream that is dropped closes its connection, at any time.
#[test]
fn a_dropped_stream_closes_its_connection() {
    let before = Misbehaving::new([vec![Part::Hold]]);
    let after_head = Misbehaving::new([vec![head(), Part::Hold]]);
    let speaking = vec![head(), Part::Bytes(says("Hello").into_bytes()), Part::Hold];
    let after_token = Misbehaving::new([speaking]);
    for server in [before, after_head, after_token] {
        let timeouts = backend_vllm::Timeouts::default();
        let backend = Vllm::connect(server.config().timeouts(timeouts)).unwrap();
        let streams: Vec<_> = (0..20).map(|_| start(&backend)).collect();
        while server.posts() < 20 {
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(streams);
        server.settles();
    }
}

/// Row 75.
#[test]
fn a_redirect_is_not_followed() {
    let target = Misbehaving::new([good()]);
    for status in ["301 Moved", "307 Temporary", "308 Permanent"] {
        let location = format!("location: http://{}/v1/completions\r\n", target.address);
        let found = outcome(whole(status, "text/plain", &location, ""));
        let denied = |error: &Error| matches!(error, Error::Rejected(r) if matches!(**r, Rejection::Denied(_)));
        assert!(found.as_ref().is_err_and(denied), "{found:?}");
    }
    assert_eq!(target.posts(), 0);
}

#[test]
fn addresses_and_models_are_checked_before_anything_is_asked() {
    let server = Misbehaving::new([good()]);
    for url in ["ftp://a", "http://user:secret@a", "http://a/?key=1"] {
        let config = backend_vllm::VllmConfig::new(url.parse().unwrap());
        let error = Vllm::connect(config).unwrap_err();
        assert!(matches!(error, ConnectError::Url { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let other = Vllm::connect(server.config().model("other")).unwrap_err();
    assert!(
        matches!(&other, ConnectError::Model { served, .. } if served == "m"),
        "{other}"
    );
    let key = Vllm::connect(server.config().key_from_file("no/such/file")).unwrap_err();
    assert!(matches!(key, ConnectError::Key { .. }), "{key}");
}

#[test]
fn what_the_server_does_not_know_is_never_sent() {
    let server = Misbehaving::new([good()]);
    let stop = stream_core::Stop::builder().min_tokens(2).build().unwrap();
    let request = Request::raw("x").stop(stop).build().unwrap();
    let refused = server.backend().generate(request).unwrap_err().reason;
    assert!(matches!(
        refused,
        Rejection::Unsupported {
            parameter: "min_tokens",
            ..
        }
    ));
    assert_eq!(server.posts(), 0);
}
