//! A backend without a model, for tests of whatever reads streams; the example to copy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::executor::block_on;

use crate::{
    Backend, BackendInfo, Capabilities, Drained, Enrolled, FinishReason, Health, Limits, Logprob,
    Rejected, Rejection, Request, Roster, Support, Token, TokenId, TokenLogprobs, TokenSink,
};

/// Requests that may be answered at once.
const MOST: usize = 1024;

/// Answers every request with the same tokens, each on a thread of its own. A token's id is its
/// place in the script.
///
/// It chooses from a distribution with a single token, so that it honours every sampling
/// parameter that leaves at least one token, and knows how probable each was: certain. What it
/// cannot honour (stop strings and ids, `min_tokens`, bad words, log-probabilities of a prompt
/// that it does not read, `echo`, grammars) it rejects by name.
#[derive(Debug)]
pub struct Mock {
    info: BackendInfo,
    script: Arc<[String]>,
    delay: Duration,
    prompt_tokens: usize,
    roster: Roster,
}

impl Mock {
    /// A backend that answers with these tokens and then ends.
    pub fn new<S: Into<String>>(script: impl IntoIterator<Item = S>) -> Self {
        Self {
            info: info(),
            script: script.into_iter().map(Into::into).collect(),
            delay: Duration::ZERO,
            prompt_tokens: 0,
            roster: Roster::new(MOST),
        }
    }

    /// Waits so long before each token.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Says that every prompt has so many tokens.
    #[must_use]
    pub fn with_prompt_tokens(mut self, tokens: usize) -> Self {
        self.prompt_tokens = tokens;
        self
    }

    /// How many requests are being answered now.
    pub fn running(&self) -> usize {
        self.roster.len()
    }

    fn admit(&self, request: &Request, sink: &TokenSink) -> Result<Enrolled, Rejection> {
        self.info.capabilities.check(request, &self.info.name)?;
        self.roster.enroll(sink.gate())
    }
}

fn info() -> BackendInfo {
    BackendInfo {
        name: "mock".into(),
        model: "script".into(),
        device: "none".into(),
        capabilities: Capabilities {
            stop_strings: Support::Unsupported,
            stop_ids: Support::Unsupported,
            min_tokens: Support::Unsupported,
            bad_words: Support::Unsupported,
            prompt_logprobs: Support::Unsupported,
            echo: Support::Unsupported,
            structured_output: Support::Unsupported,
            ..Capabilities::all(Support::Native)
        },
        limits: Limits {
            context_length: None,
            queue: 0,
            concurrent: MOST,
        },
    }
}

#[async_trait]
impl Backend for Mock {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let place = match self.admit(&request, &sink) {
            Ok(place) => place,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        sink.set_prompt_tokens(self.prompt_tokens);
        let (script, delay) = (self.script.clone(), self.delay);
        std::thread::spawn(move || {
            block_on(answer(&script, delay, &request, sink));
            drop(place);
        });
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.roster.is_closed() {
            true => Health::Draining,
            false => Health::Ready,
        }
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.roster.drain(deadline).await
    }
}

async fn answer(script: &[String], delay: Duration, request: &Request, sink: TokenSink) {
    sink.scheduled();
    let max = request.max_tokens();
    for (id, text) in (0..).zip(script.iter().take(max.unwrap_or(usize::MAX))) {
        let Ok(permit) = sink.reserve().await else {
            return sink.finish(FinishReason::Cancelled);
        };
        std::thread::sleep(delay);
        permit.send(Token {
            logprobs: request.logprobs().map(|top| certain(id, text, top)),
            ..Token::new(id, text.as_str())
        });
    }
    sink.finish(match max {
        Some(max) if max <= script.len() => FinishReason::Length,
        _ => FinishReason::EndOfSequence,
    });
}

/// The only token that there was.
fn certain(id: TokenId, text: &str, top: usize) -> TokenLogprobs {
    let token = Logprob {
        id: Some(id),
        bytes: text.into(),
        logprob: 0.0,
        rank: Some(1),
    };
    TokenLogprobs {
        top: vec![token.clone(); top.min(1)],
        token,
    }
}
