//! Where an answer ends, what is seen of it, and what it costs.

use stream_core::{Completion, FinishReason, Request, Sampling, Stop, StopBuilder, TokenId};

use crate::lab::{Lab, greedy, spec};
use crate::toy::{hashed, scripted};
use crate::words::{END, SMILE, SPECIAL, ids, text};

/// What becomes of a model that would say `says` under these conditions, in at most 12 tokens.
fn ended(says: &[TokenId], stop: StopBuilder) -> Completion {
    let lab = Lab::new(scripted(1, says), spec());
    let request = Request::raw("x").greedy().max_tokens(12);
    let stream = lab.generate(request.stop(stop.build().unwrap()));
    let completion = stream.blocking().completion().unwrap();
    assert_eq!(completion.usage.prompt_tokens, 1);
    assert_eq!(completion.usage.completion_tokens, completion.ids.len());
    assert_eq!(lab.settle(1).requests_finished, 1);
    completion
}

fn check(says: &[TokenId], stop: StopBuilder, text: &str, tokens: usize, reason: FinishReason) {
    let completion = ended(says, stop);
    assert_eq!(completion.text, text);
    assert_eq!(completion.ids, says[..tokens]);
    assert_eq!(completion.reason, reason);
}

fn stop_string(text: &str) -> FinishReason {
    FinishReason::StopString(text.into())
}

#[test]
fn a_stop_string_split_over_tokens_never_leaks() {
    let says = ids("hello stop here.");
    check(
        &says,
        Stop::builder().string("stop"),
        "hello ",
        10,
        stop_string("stop"),
    );
    let kept = Stop::builder().string("stop").include_in_output();
    check(&says, kept, "hello stop", 10, stop_string("stop"));
    let two = Stop::builder().string("stopper").string("o s");
    check(&says, two, "hell", 7, stop_string("o s"));
}

#[test]
fn a_false_start_of_a_stop_string_is_released() {
    let mut says = ids("a stone.");
    says.push(END);
    let stop = || Stop::builder().string("stop");
    check(&says, stop(), "a stone.", 9, FinishReason::EndOfSequence);
    // Held back until the end.
    let mut says = ids("a sto");
    says.push(END);
    check(&says, stop(), "a sto", 6, FinishReason::EndOfSequence);
    check(
        &ids("what is a sto"),
        stop(),
        "what is a st",
        12,
        FinishReason::Length,
    );
}

#[test]
fn a_stop_string_on_the_last_token_wins_over_the_length() {
    let says = ids("twelve chars");
    check(
        &says,
        Stop::builder().string("rs"),
        "twelve cha",
        12,
        stop_string("rs"),
    );
}

#[test]
fn the_token_after_a_stop_string_is_not_seen() {
    let lab = Lab::new(scripted(1, &ids("ab")), spec());
    let stop = Stop::builder().string("b").build().unwrap();
    let request = Request::raw("x").greedy().max_tokens(200).stop(stop);
    let mut stream = lab.generate(request);
    let records: Vec<_> = (&mut stream).into_iter().map(Result::unwrap).collect();
    let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    assert_eq!(texts, ["a", ""]);
    assert_eq!(stream.usage().completion_tokens, 2);
    // The model's thread learns of it while it works, long before the 200th token.
    assert!(lab.settle(1).completion_tokens >= 2);
}

#[test]
fn an_end_token_is_a_record_without_text() {
    let says = [ids("hi"), vec![END]].concat();
    check(&says, Stop::builder(), "hi", 3, FinishReason::EndOfSequence);
    check(&[END], Stop::builder(), "", 1, FinishReason::EndOfSequence);
}

#[test]
fn a_stop_id_adds_no_text() {
    let says = ids("hi.");
    let dot = says[2];
    check(
        &says,
        Stop::builder().id(dot),
        "hi",
        3,
        FinishReason::StopToken(dot),
    );
    // An end token that is a stop id too is an end token first.
    check(
        &[END],
        Stop::builder().id(END),
        "",
        1,
        FinishReason::EndOfSequence,
    );
}

#[test]
fn end_tokens_can_be_ignored() {
    let says = [ids("hi"), vec![END, SPECIAL], ids("you.")].concat();
    let ignore = || Stop::builder().ignore_eos();
    let dot = says[7];
    check(
        &says,
        ignore().id(dot),
        "hiyou",
        8,
        FinishReason::StopToken(dot),
    );
    check(
        &says,
        ignore().id(END),
        "hi",
        3,
        FinishReason::StopToken(END),
    );
}

#[test]
fn max_tokens_is_exact() {
    let says = ids("abcdefghijklmnop");
    check(
        &says,
        Stop::builder(),
        "abcdefghijkl",
        12,
        FinishReason::Length,
    );
    let lab = Lab::new(hashed(), spec());
    for tokens in [1, 2, 17] {
        let stream = lab.generate(greedy(&ids("abc"), tokens));
        assert_eq!(stream.blocking().completion().unwrap().ids.len(), tokens);
    }
    lab.settle(3);
}

#[test]
fn an_incomplete_character_is_held_until_the_end() {
    let whole = [&SMILE[..], &[END]].concat();
    check(
        &whole,
        Stop::builder(),
        "🙂",
        5,
        FinishReason::EndOfSequence,
    );
    let half = [&SMILE[..2], &[END]].concat();
    check(
        &half,
        Stop::builder(),
        "\u{fffd}",
        3,
        FinishReason::EndOfSequence,
    );
}

/// The scripted model would end, but may not: it takes its second choice, the lowest id.
#[test]
fn min_tokens_bans_every_end() {
    let says = [END, END, END, END, END];
    let completion = ended(&says, Stop::builder().min_tokens(3));
    assert_eq!(completion.reason, FinishReason::EndOfSequence);
    assert_eq!(completion.ids, [SPECIAL, SPECIAL, SPECIAL, END]);
    let dot = ids(".")[0];
    let completion = ended(&[dot; 5], Stop::builder().id(dot).min_tokens(2));
    assert_eq!(completion.reason, FinishReason::StopToken(dot));
    // The scripted model's next choice is its lowest id that is not banned.
    assert_eq!(completion.ids, [SPECIAL, SPECIAL, dot]);
}

#[test]
fn a_stop_string_does_not_count_before_min_tokens() {
    let says = ids("aaaaaaaaaaaa");
    let stop = Stop::builder().string("a").min_tokens(3);
    check(&says, stop, "aaa", 4, stop_string("a"));
}

/// Ids that have logits but are no tokens: the model would choose one every time.
#[test]
fn ids_that_the_tokenizer_does_not_know_are_never_chosen() {
    let lab = Lab::new(scripted(1, &[62; 5]), spec());
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let request = Request::raw("x").greedy().max_tokens(5).stop(stop);
    let completion = lab.generate(request).blocking().completion().unwrap();
    assert_eq!(completion.ids, [END; 5]);
    lab.settle(1);
}

#[test]
fn without_max_tokens_the_context_is_the_limit() {
    let lab = Lab::new(hashed(), spec());
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let stream = lab.generate(Request::raw("abc").greedy().stop(stop));
    let completion = stream.blocking().completion().unwrap();
    assert_eq!(completion.reason, FinishReason::Length);
    assert_eq!(
        completion.ids,
        lab.expected(&ids("abc"), 253, &Sampling::greedy())
    );
    assert_eq!(completion.text, text(&completion.ids));
    lab.settle(1);
}
