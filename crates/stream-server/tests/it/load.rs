//! Many streams at once: none is lost, and each is the answer to its own request.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use stream_core::{
    Backend, BackendInfo, Drained, FinishReason, Health, Mock, Prompt, Rejected, Request, Roster,
    Token, TokenSink,
};
use stream_server::Limits;

use crate::connections::{request, says, start};

const STREAMS: usize = 1000;
const TOKENS: usize = 50;

/// Says each prompt again and again, numbered: no two answers are the same.
struct Parrot {
    info: BackendInfo,
    roster: Roster,
}

impl Parrot {
    fn new() -> Self {
        Self {
            info: Mock::new([""]).info().clone(),
            roster: Roster::new(STREAMS),
        }
    }
}

/// What a prompt is answered with.
fn words(prompt: &str) -> impl Iterator<Item = String> {
    (0..TOKENS).map(move |i| format!("{prompt}-{i} "))
}

#[async_trait]
impl Backend for Parrot {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let place = match self.roster.enroll(sink.gate()) {
            Ok(place) => place,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        tokio::spawn(async move {
            let Prompt::Raw(prompt) = request.prompt() else {
                panic!("the prompt is not a text");
            };
            for (id, word) in (0..).zip(words(prompt)) {
                let Ok(permit) = sink.reserve().await else {
                    return;
                };
                permit.send(Token::new(id, word));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sink.finish(FinishReason::EndOfSequence);
            drop(place);
        });
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Ready
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.roster.drain(deadline).await
    }
}

#[tokio::test]
async fn a_thousand_streams_are_whole_and_their_own() {
    let backend = Arc::new(Parrot::new());
    let address = start(backend.clone(), Limits::default()).await;
    let clients: Vec<_> = (0..STREAMS)
        .map(|i| {
            let body = format!(r#"{{"prompt": "client-{i}", "stream": true}}"#);
            let body = request("connection: close\r\n", &body);
            tokio::spawn(async move { says(address, body.as_bytes()).await })
        })
        .collect();
    let mut ids = HashSet::new();
    for (i, client) in clients.into_iter().enumerate() {
        let answer = client.await.unwrap();
        let expected: String = words(&format!("client-{i}")).collect();
        let (said, id) = read(&answer);
        assert_eq!(said, expected);
        assert!(ids.insert(id));
    }
    assert!(backend.roster.is_empty());
}

/// The text of a whole answer, and its id, which all of its events have.
fn read(answer: &str) -> (String, String) {
    assert!(answer.contains("data: [DONE]"), "{answer}");
    let (mut said, mut ids) = (String::new(), HashSet::new());
    let data = answer
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    for event in data.filter(|line| line.starts_with('{')) {
        let event: Value = serde_json::from_str(event).unwrap();
        said.push_str(event["choices"][0]["text"].as_str().unwrap());
        ids.insert(event["id"].to_string());
    }
    assert_eq!(ids.len(), 1);
    (said, ids.into_iter().collect())
}
