//! Answers that begin with their prompt.

use stream_core::{FinishReason, Request, Stop, TokenId};

use crate::lab::{Lab, spec};
use crate::toy::scripted;
use crate::words::{END, SMILE, ids};

/// The records of an answer to "one stop ", as text and number of tokens.
fn records(
    request: stream_core::RequestBuilder,
    prompt: usize,
) -> (Vec<(String, usize)>, FinishReason) {
    let lab = Lab::new(
        scripted(prompt, &[ids("two stop"), vec![END]].concat()),
        spec(),
    );
    let mut stream = lab.generate(request.greedy().max_tokens(20).echo());
    let records = (&mut stream).into_iter().map(Result::unwrap);
    let records: Vec<_> = records.map(|record| (record.text, record.tokens)).collect();
    let usage = stream.usage();
    let counted: usize = records.iter().map(|record| record.1).sum();
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens),
        (prompt, counted)
    );
    let reason = stream.end().unwrap().outcome.clone().unwrap();
    lab.settle(1);
    (records, reason)
}

#[test]
fn the_first_record_is_the_prompts_text_without_a_token() {
    let (records, reason) = records(Request::raw("one stop "), 9);
    assert_eq!(records[0], ("one stop ".into(), 0));
    let rest: String = records[1..]
        .iter()
        .map(|record| record.0.as_str())
        .collect();
    assert_eq!(
        (rest.as_str(), reason),
        ("two stop", FinishReason::EndOfSequence)
    );
    assert!(records[1..].iter().all(|record| record.1 == 1));
}

#[test]
fn a_prompt_of_ids_is_decoded() {
    let prompt: Vec<TokenId> = [&SMILE[..], &ids("a"), &SMILE[..2]].concat();
    let (records, _) = records(Request::tokens(prompt), 7);
    assert_eq!(records[0].0, "🙂a\u{fffd}");
}

#[test]
fn a_stop_string_in_the_prompt_or_begun_in_it_stops_nothing() {
    let stop = |text: &str| Stop::builder().string(text).build().unwrap();
    let (records, reason) = records(Request::raw("one stop ").stop(stop("stop t")), 9);
    let text: String = records.iter().map(|record| record.0.as_str()).collect();
    assert_eq!(
        (text.as_str(), reason),
        ("one stop two stop", FinishReason::EndOfSequence)
    );
    let (records, reason) = self::records(Request::raw("one stop ").stop(stop("stop")), 9);
    let text: String = records.iter().map(|record| record.0.as_str()).collect();
    assert_eq!(text, "one stop two ");
    assert_eq!(reason, FinishReason::StopString("stop".into()));
}
