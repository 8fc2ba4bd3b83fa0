//! What records carry beside ids: log-probabilities, the prompt's text, and held-back text.

use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use stream_core::{
    BackendExt, DeadlineKind, Deadlines, Error, Finish, FinishReason, Logprob, Mock, Request,
    RequestBuilder, Token, TokenLogprobs, TokenSink, TokenStream, channel,
};

fn pair(set: impl FnOnce(RequestBuilder) -> RequestBuilder) -> (TokenSink, TokenStream) {
    channel(&set(Request::raw("x")).build().unwrap())
}

fn scored(id: u32) -> TokenLogprobs {
    let token = Logprob {
        id: Some(id),
        bytes: vec![b'a'],
        logprob: -(id as f32),
        rank: Some(id as usize + 1),
    };
    TokenLogprobs {
        token,
        top: Vec::new(),
    }
}

fn send(sink: &TokenSink, id: u32, text: &str, held: &str) {
    sink.try_reserve().unwrap().send(Token {
        logprobs: Some(scored(id)),
        held: held.into(),
        ..Token::new(id, text)
    });
}

fn ids(logprobs: &[TokenLogprobs]) -> Vec<u32> {
    logprobs.iter().map(|l| l.token.id.unwrap()).collect()
}

/// Whatever is coalesced or held back, there is one for each token.
#[test]
fn every_token_keeps_its_logprobs() {
    for buffer in [1, 2, 3, 64] {
        let (sink, mut stream) = pair(|r| r.buffer(buffer));
        (0..7).for_each(|id| send(&sink, id, "", "held"));
        sink.set_prompt_logprobs(vec![scored(9)]);
        sink.finish(Finish {
            reason: FinishReason::Length,
            held_text: "held".into(),
        });
        let mut seen = 0;
        while let Some(record) = block_on(stream.next()) {
            let record = record.unwrap();
            assert_eq!(record.logprobs.len(), record.tokens);
            assert_eq!(ids(&record.logprobs), record.ids().collect::<Vec<_>>());
            seen += record.tokens;
        }
        assert_eq!(seen, 7);
        let completion = block_on(stream.collect()).unwrap();
        assert_eq!(ids(&completion.logprobs), completion.ids);
        assert_eq!(ids(&completion.prompt_logprobs.unwrap()), [9]);
        assert_eq!(completion.text, "held");
    }
}

#[test]
fn chunks_carry_them_too() {
    let (sink, stream) = pair(|r| r);
    (0..5).for_each(|id| send(&sink, id, "a", ""));
    sink.finish(Finish {
        reason: FinishReason::Length,
        held_text: "!".into(),
    });
    let chunks: Vec<_> = stream.blocking().chunks(2).map(Result::unwrap).collect();
    let counts: Vec<_> = chunks
        .iter()
        .map(|c| (c.tokens, c.logprobs.len()))
        .collect();
    assert_eq!(counts, [(2, 2), (2, 2), (1, 1)]);
    assert_eq!(chunks[2].text, "a!");
}

#[test]
fn a_chunk_may_be_text_alone() {
    let (sink, mut stream) = pair(|r| r);
    send(&sink, 0, "a", "b");
    let chunk = block_on(stream.next_chunk(1)).unwrap().unwrap();
    assert_eq!((chunk.text.as_str(), chunk.tokens), ("a", 1));
    stream.abort();
    let chunk = block_on(stream.next_chunk(1)).unwrap().unwrap();
    assert_eq!(
        (chunk.text.as_str(), chunk.tokens, chunk.span),
        ("b", 0, 1..2)
    );
    assert!(block_on(stream.next_chunk(1)).is_none());
}

#[test]
fn the_echo_is_a_record_before_the_first_token() {
    for buffer in [1, 2] {
        let (sink, mut stream) = pair(|r| r.buffer(buffer));
        sink.echo("prompt ".into());
        (0..3).for_each(|id| send(&sink, id, "a", ""));
        sink.finish(FinishReason::Length);
        let first = block_on(stream.next()).unwrap().unwrap();
        assert!(first.text.starts_with("prompt "));
        assert_eq!(first.span.start, 0);
        if buffer == 2 {
            assert_eq!((first.id, first.tokens, first.text.len()), (None, 0, 7));
        }
        let completion = block_on(stream.collect()).unwrap();
        assert_eq!(completion.text, "prompt aaa");
        assert_eq!(completion.ids, [0, 1, 2]);
        assert_eq!(completion.usage.completion_tokens, 3);
        assert_eq!(completion.logprobs.len(), 3);
    }
}

/// The ids are the reader's, and so is their text.
#[test]
fn held_text_is_released_by_an_end_from_outside() {
    let limit = Duration::from_millis(5);
    let deadlines = Deadlines {
        between_tokens: Some(limit),
        ..Deadlines::default()
    };
    let (sink, mut stream) = pair(|r| r.deadlines(deadlines));
    send(&sink, 0, "a", "bc");
    send(&sink, 1, "", "bcd");
    let items: Vec<_> = (&mut stream).into_iter().collect();
    let kind = DeadlineKind::BetweenTokens;
    assert_eq!(items.last(), Some(&Err(Error::Deadline { kind, limit })));
    assert_eq!((stream.text(), stream.ids()), ("abcd", &[0, 1][..]));

    let (sink, mut stream) = pair(|r| r);
    send(&sink, 0, "a", "bc");
    stream.abort();
    drop(sink);
    block_on(stream.next_chunk(9)).unwrap().unwrap();
    assert_eq!(stream.text(), "abc", "cancelled");

    let (sink, mut stream) = pair(|r| r);
    send(&sink, 0, "a", "bc");
    send(&sink, 1, "bcd", "");
    sink.fail(Error::ShutDown);
    block_on(stream.next_chunk(9)).unwrap().unwrap();
    assert_eq!(stream.text(), "abcd", "nothing twice");

    let (sink, stream) = pair(|r| r);
    send(&sink, 0, "a", "st");
    sink.finish(FinishReason::StopString("stop".into()));
    assert_eq!(
        block_on(stream.collect()).unwrap().text,
        "a",
        "the writer knows best"
    );
}

#[test]
fn the_mock_is_always_certain() {
    let mock = Mock::new(["a", "b"]);
    for (top, expected) in [(0, 0), (1, 1), (20, 1)] {
        let request = Request::raw("x").logprobs(top).build().unwrap();
        let completion = block_on(mock.complete(request)).unwrap();
        assert_eq!(ids(&completion.logprobs), [0, 1]);
        assert!(completion.logprobs.iter().all(|l| l.top.len() == expected));
        assert_eq!(completion.logprobs[1].token.bytes, b"b");
        assert_eq!(completion.logprobs[1].token.rank, Some(1));
    }
    let plain = block_on(mock.complete(Request::raw("x").build().unwrap())).unwrap();
    assert_eq!((plain.logprobs, plain.prompt_logprobs), (vec![], None));
}
