//! A backend that does what it is told, good or bad.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::executor::block_on;
use stream_core::{
    Backend, BackendInfo, Capabilities, Drained, Enrolled, Error, Finish, FinishReason, Health,
    Limits, Rejected, Rejection, Request, Roster, Support, Token, TokenId, TokenSink,
};
use stream_runtime::text::Detokenizer;

/// Requests that may be answered at once.
const MOST: usize = 64;

/// What a [`Scripted`] backend does next with a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Sends a token of these bytes. Characters that tokens divide leave when they are whole.
    Say(Option<TokenId>, Vec<u8>),
    /// Takes so long.
    Wait(Duration),
    /// Does nothing more until the stream is ended from outside.
    Hang,
    /// Ends the stream well.
    Finish(FinishReason),
    /// Ends the stream with this error.
    Fail(Error),
    /// Drops the stream without an end.
    Abandon,
    /// Panics on the stream's thread.
    Panic,
}

impl Act {
    /// A token without an id.
    pub fn say(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Say(None, bytes.into())
    }
}

/// A backend that plays the same script for every request, for tests of whatever reads streams: a
/// server, a facade, a wrapper. A script that ends without an end is
/// [`FinishReason::EndOfSequence`].
///
/// ```
/// use stream_core::{BackendExt, Error, Request};
/// use stream_testkit::{Act, Scripted};
///
/// let script = [Act::say("He"), Act::say(b"\xC3"), Act::say(b"\xA9"), Act::Abandon];
/// let stream = Scripted::new(script).generate(Request::raw("x").build()?)?;
/// let items: Vec<_> = stream.into_iter().collect();
/// assert_eq!(items[2].as_ref().map(|token| token.text.as_str()), Ok("é"));
/// assert_eq!(items[3], Err(Error::Abandoned));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scripted {
    info: BackendInfo,
    script: Arc<[Act]>,
    refusal: Option<Rejection>,
    health: Health,
    roster: Roster,
}

impl Scripted {
    /// A backend that does this for each request. It honours `max_tokens` and refuses by name
    /// what changes an answer.
    pub fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self {
            info: info(),
            script: script.into_iter().collect(),
            refusal: None,
            health: Health::Ready,
            roster: Roster::new(MOST),
        }
    }

    /// Refuses every request for this reason.
    #[must_use]
    pub fn refusing(mut self, reason: Rejection) -> Self {
        self.refusal = Some(reason);
        self
    }

    /// Says this of its health.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    fn admit(&self, request: &Request, sink: &TokenSink) -> Result<Enrolled, Rejection> {
        if let Some(reason) = &self.refusal {
            return Err(reason.clone());
        }
        self.info.capabilities.check(request, &self.info.name)?;
        self.roster.enroll(sink.gate())
    }
}

fn info() -> BackendInfo {
    BackendInfo {
        name: "scripted".into(),
        model: "script".into(),
        device: "none".into(),
        capabilities: Capabilities {
            chat: Support::Native,
            tools: Support::Native,
            token_prompts: Support::Native,
            ..Capabilities::all(Support::Unsupported)
        },
        limits: Limits {
            context_length: None,
            queue: 0,
            concurrent: MOST,
        },
    }
}

#[async_trait]
impl Backend for Scripted {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let place = match self.admit(&request, &sink) {
            Ok(place) => place,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        let script = self.script.clone();
        std::thread::spawn(move || {
            // Given back after the end, and in a panic too.
            let _place = place;
            block_on(play(&script, request.max_tokens(), sink));
        });
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.roster.is_closed() {
            true => Health::Draining,
            false => self.health.clone(),
        }
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.roster.drain(deadline).await
    }
}

async fn play(script: &[Act], max_tokens: Option<usize>, sink: TokenSink) {
    sink.scheduled();
    let (mut text, mut said) = (Detokenizer::default(), 0);
    for act in script {
        match act {
            Act::Say(id, bytes) => {
                let Ok(permit) = sink.reserve().await else {
                    return sink.finish(FinishReason::Cancelled);
                };
                let mut whole = String::new();
                text.push(bytes, &mut whole);
                said += 1;
                let full = max_tokens.is_some_and(|most| said >= most);
                if full {
                    text.finish(&mut whole);
                }
                permit.send(Token::new(*id, whole));
                if full {
                    return sink.finish(FinishReason::Length);
                }
            }
            Act::Wait(time) => std::thread::sleep(*time),
            Act::Hang => return hang(sink).await,
            Act::Finish(reason) => return sink.finish(reason.clone()),
            Act::Fail(error) => return sink.fail(error.clone()),
            Act::Abandon => return,
            Act::Panic => panic!("the script says so"),
        }
    }
    let mut held_text = String::new();
    text.finish(&mut held_text);
    sink.finish(Finish {
        reason: FinishReason::EndOfSequence,
        held_text,
    });
}

/// Waits for the end that comes from outside.
async fn hang(sink: TokenSink) {
    let gate = sink.gate();
    poll_fn(|cx| {
        gate.watch(cx.waker());
        match gate.is_closed() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
