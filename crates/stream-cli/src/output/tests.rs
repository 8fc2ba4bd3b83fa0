//! What is printed for a stream, with a backend without a model.

use serde_json::Value;
use stream_engine::core::{BackendExt, Error, Mock, Request, SlowReader, TokenStream, channel};

use super::*;

fn stream_of(script: &[&str]) -> TokenStream {
    let request = Request::raw("x").slow_reader(SlowReader::Pause);
    let backend = Mock::new(script.iter().copied()).with_prompt_tokens(3);
    backend.generate(request.build().unwrap()).unwrap()
}

fn text_of(stream: &mut TokenStream) -> String {
    let mut out = Vec::new();
    print(stream, &mut Text::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

fn lines_of(stream: &mut TokenStream) -> Vec<Value> {
    let mut out = Vec::new();
    print(stream, &mut Json::new(&mut out)).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.ends_with('\n'));
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn text_ends_with_one_line_break() {
    for (script, expected) in [
        (&["a", "b"][..], "ab\n"),
        (&["a", "b\n"], "ab\n"),
        (&["a\n", ""], "a\n"),
        (&[], ""),
    ] {
        assert_eq!(text_of(&mut stream_of(script)), expected);
    }
}

#[test]
fn each_token_has_its_object_and_the_end_too() {
    let lines = lines_of(&mut stream_of(&["é\"", "", "b"]));
    let texts: Vec<_> = lines[..3].iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["é\"", "", "b"]);
    for (i, line) in lines[..3].iter().enumerate() {
        assert_eq!(
            (&line["index"], &line["id"]),
            (&Value::from(i), &Value::from(i))
        );
        let times = ["scheduled_ms", "sampled_ms", "released_ms"].map(|at| line[at].as_f64());
        assert!(times.is_sorted() && times[0] >= Some(0.0), "{line}");
    }
    let last = &lines[3];
    assert_eq!(last["finish_reason"], "stop");
    assert_eq!(last["usage"]["prompt_tokens"], 3);
    assert_eq!(last["usage"]["cached_tokens"], 0);
    assert_eq!(last["usage"]["completion_tokens"], 3);
    assert!(last["timings"]["total_ms"].is_number());
    assert!(last.get("error").is_none());
    assert_eq!(lines.len(), 4);
}

#[test]
fn text_held_until_the_end_has_no_id() {
    let mut record = stream_of(&["a"]).into_iter().next().unwrap().unwrap();
    record.id = None;
    let mut out = Vec::new();
    Json::new(&mut out).token(&record).unwrap();
    let line: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&line["id"], &line["text"]), (&Value::Null, &"a".into()));
}

#[test]
fn an_error_is_told_in_the_last_object() {
    let (sink, mut stream) = channel(&Request::raw("x").build().unwrap());
    sink.fail(Error::ShutDown);
    let lines = lines_of(&mut stream);
    assert_eq!(lines[0]["finish_reason"], "error");
    assert_eq!(lines[0]["error"], Error::ShutDown.to_string());
    assert_eq!(lines[0]["timings"]["time_to_first_token_ms"], Value::Null);
}

#[test]
fn a_reader_that_goes_away_ends_the_stream_without_a_word() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stopped = print(&mut stream_of(&["a", "b"]), &mut Text::new(Closed));
    assert!(matches!(stopped, Ok(Stopped::ReaderGone)), "{stopped:?}");
}

#[test]
fn the_numbers_of_a_stream() {
    let mut stream = stream_of(&["a", "b"]);
    let Ok(Stopped::Ended(end)) = print(&mut stream, &mut Text::new(io::sink())) else {
        panic!("it has an end");
    };
    let text = stats(&end);
    assert!(text.starts_with("2 tokens, first token after 0."), "{text}");
}

#[test]
fn several_answers_in_turn_and_together() {
    let backend = Mock::new(["a", "b\n"]).with_prompt_tokens(3);
    let choices = || {
        let request = Request::raw("x")
            .n(2)
            .logprobs(1)
            .slow_reader(SlowReader::Pause);
        backend.generate_choices(request.build().unwrap()).unwrap()
    };
    let mut out = Vec::new();
    assert_eq!(print_in_turn(choices(), &mut out).unwrap().len(), 2);
    assert_eq!(out, b"ab\nab\n");
    let mut out = Vec::new();
    assert_eq!(print_together(choices(), &mut out).unwrap().len(), 2);
    let lines = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    for choice in 0..2 {
        let of: Vec<_> = lines
            .iter()
            .filter(|line| line["choice"] == choice)
            .collect();
        assert_eq!(of.len(), 3);
        assert_eq!(
            (&of[0]["text"], &of[1]["text"]),
            (&"a".into(), &"b\n".into())
        );
        assert_eq!(
            of[0]["logprobs"]["top"][0]["bytes"],
            serde_json::json!([97])
        );
        assert_eq!(of[2]["finish_reason"], "stop");
    }
    assert_eq!(lines.len(), 6);
}
