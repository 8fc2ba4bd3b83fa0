//! Whole streams through the loop: any script of tokens, any request, any reader.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use proptest::prelude::*;
use proptest::sample::Index;
use stream_core::{
    BackendExt, End, FinishReason, Request, SlowReader, Stop, TokenId, TokenStream, Tokenizer,
};
use stream_runtime::{Engine, EngineConfig, Spec};
use stream_testkit::{Golden, Ground, Toy, settle};

/// Ids that the golden tokenizer has.
fn known() -> usize {
    Golden::default().vocabulary_size()
}

/// One stream of a test.
#[derive(Debug, Clone)]
struct Case {
    /// What the model says; its end token if it is asked for more.
    script: Vec<TokenId>,
    max_tokens: usize,
    /// Parts of the script's text, as two places in it each.
    stops: Vec<(Index, Index)>,
    include: bool,
    buffer: usize,
    slow_reader: SlowReader,
    /// How many tokens the reader asks for at a time, over and over.
    chunks: Vec<usize>,
    /// Cancels after so many chunks.
    cancel: Option<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    let slow = prop_oneof![
        Just(SlowReader::Coalesce),
        Just(SlowReader::Pause),
        Just(SlowReader::Abort {
            after: Duration::from_secs(60)
        }),
    ];
    let stops = prop::collection::vec(any::<(Index, Index)>(), 0..3);
    let script = prop::collection::vec(1..known() as TokenId, 0..40);
    let chunks = prop::collection::vec(1..7_usize, 1..4);
    let cancel = prop::option::weighted(0.2, 0..8_usize);
    (
        script,
        1..50_usize,
        stops,
        any::<bool>(),
        1..9_usize,
        slow,
        chunks,
        cancel,
    )
        .prop_map(
            |(script, max_tokens, stops, include, buffer, slow_reader, chunks, cancel)| Case {
                script,
                max_tokens,
                stops,
                include,
                buffer,
                slow_reader,
                chunks,
                cancel,
            },
        )
}

impl Case {
    /// The tokens that it is given if nobody cancels and no stop string comes.
    fn ids(&self) -> Vec<TokenId> {
        let ended = self.script.iter().copied().chain([END]);
        ended.take(self.max_tokens).collect()
    }

    fn stop_strings(&self) -> Vec<String> {
        let text: Vec<char> = Golden::default().decode(&self.script).chars().collect();
        let part = |(from, length): &(Index, Index)| {
            let from = from.index(text.len() + 1);
            let to = (from + 1 + length.index(6)).min(text.len());
            text[from..to].iter().collect::<String>()
        };
        let parts = self.stops.iter().map(part);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The text before or with the first stop string that is complete, read a character at a
    /// time; and that string.
    fn cut(&self, text: &str) -> (String, Option<String>) {
        let stops = self.stop_strings();
        for (at, last) in text.char_indices() {
            let read = &text[..at + last.len_utf8()];
            let complete = stops.iter().filter(|stop| read.ends_with(stop.as_str()));
            if let Some(stop) = complete.max_by_key(|stop| stop.len()) {
                let kept = match self.include {
                    true => read.len(),
                    false => read.len() - stop.len(),
                };
                return (read[..kept].to_owned(), Some(stop.clone()));
            }
        }
        (text.to_owned(), None)
    }

    fn request(&self, number: usize) -> Request {
        let stop = Stop::builder().strings(self.stop_strings());
        let stop = match self.include {
            true => stop.include_in_output(),
            false => stop,
        };
        Request::tokens([2 + number as TokenId])
            .greedy()
            .max_tokens(self.max_tokens)
            .stop(stop.build().unwrap())
            .buffer(self.buffer)
            .slow_reader(self.slow_reader)
            .build()
            .unwrap()
    }
}

/// The golden tokenizer's end token.
const END: TokenId = 0;

/// A loop whose model follows the script that the first token of a prompt names.
fn engine(cases: &[Case]) -> Engine {
    let scripts: Vec<_> = cases.iter().map(|case| case.script.clone()).collect();
    let width = known();
    let brain = move |tokens: &[TokenId]| {
        let script = &scripts[tokens[0] as usize - 2];
        let said = script.get(tokens.len() - 1).copied().unwrap_or(END);
        let mut logits = vec![0.0; width];
        logits[said as usize] = 1.0;
        logits
    };
    let spec = Spec {
        blocks: 40,
        max_rows: 3,
        max_tokens: 4,
        ..Toy::small(width)
    };
    let model = Toy::thinking(spec, Arc::new(brain));
    let golden = Arc::new(Golden::default());
    Engine::start(model, golden, EngineConfig::new("toy", "script", "cpu")).unwrap()
}

/// Reads as the case says; the end, with all text and ids.
async fn read(case: &Case, mut stream: TokenStream) -> (End, String, Vec<TokenId>) {
    let (mut text, mut ids) = (String::new(), Vec::new());
    for turn in 0.. {
        if case.cancel == Some(turn) {
            stream.abort();
        }
        let size = case.chunks[turn % case.chunks.len()];
        let Some(chunk) = stream.next_chunk(size).await else {
            break;
        };
        let chunk = chunk.unwrap();
        text.push_str(&chunk.text);
        ids.extend(chunk.ids);
    }
    assert!(
        stream.next().await.is_none(),
        "something came after the end"
    );
    (stream.end().unwrap().clone(), text, ids)
}

fn check(case: &Case, (end, text, ids): (End, String, Vec<TokenId>)) {
    let all = case.ids();
    assert!(all.starts_with(&ids), "{ids:?} of {all:?}");
    assert_eq!(end.usage.completion_tokens, ids.len());
    let (expected, stop) = case.cut(&Golden::default().decode(&all));
    match end.outcome.unwrap() {
        FinishReason::Cancelled => {
            assert!(case.cancel.is_some());
            let made = Golden::default().decode(&ids);
            // A character that was not complete completes no stop string either.
            let whole = made.strip_suffix('\u{FFFD}').unwrap_or(&made);
            let unfinished = case.cut(whole).1.is_none() && text == made;
            assert!(
                unfinished || text == case.cut(&made).0,
                "{text:?} of {made:?}"
            );
        }
        reason => {
            assert_eq!(text, expected);
            let natural = match all.last() == Some(&END) {
                true => FinishReason::EndOfSequence,
                false => FinishReason::Length,
            };
            assert_eq!(reason, stop.map_or(natural, FinishReason::StopString));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// The text of each stream is the decoding of its ids, cut at its stop string; every stream
    /// has one end, and nothing after it.
    #[test]
    fn every_stream_is_its_script(cases in prop::collection::vec(case(), 1..6)) {
        let engine = engine(&cases);
        block_on(async {
            let numbered = cases.iter().enumerate();
            let streams = numbered.map(|(number, case)| {
                let stream = engine.generate(case.request(number)).unwrap();
                read(case, stream)
            });
            let ends = futures::future::join_all(streams).await;
            for (case, end) in cases.iter().zip(ends) {
                check(case, end);
            }
            settle(&engine, &Ground::default()).await.unwrap();
        });
    }
}
