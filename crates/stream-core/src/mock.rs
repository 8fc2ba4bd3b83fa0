//! A backend without a model, for tests of whatever reads streams; the example to copy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::executor::block_on;

use crate::{
    Backend, BackendInfo, Capabilities, Drained, Enrolled, FinishReason, Health, Limits, Rejected,
    Rejection, Request, Roster, Support, Token, TokenId, TokenSink,
};

/// Requests that may be answered at once.
const MOST: usize = 1024;

/// Answers every request with the same tokens, each on a thread of its own. A token's id is its
/// place in the script.
///
/// It chooses from a distribution with a single token, so that it honours every sampling
/// parameter; what it cannot honour (stop strings and ids, `min_tokens`) it rejects by name.
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
            block_on(answer(&script, delay, request.max_tokens(), sink));
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

async fn answer(script: &[String], delay: Duration, max: Option<usize>, sink: TokenSink) {
    sink.scheduled();
    for (id, text) in (0..).zip(script.iter().take(max.unwrap_or(usize::MAX))) {
        let Ok(permit) = sink.reserve().await else {
            return sink.finish(FinishReason::Cancelled);
        };
        std::thread::sleep(delay);
        permit.send(Token::new(id as TokenId, text.as_str()));
    }
    sink.finish(match max {
        Some(max) if max <= script.len() => FinishReason::Length,
        _ => FinishReason::EndOfSequence,
    });
}
