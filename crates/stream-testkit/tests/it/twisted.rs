//! A backend around another one that passes everything on, or breaks a law on purpose.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use futures::StreamExt;
use futures::executor::block_on;
use stream_core::{
    AbortHandle, Backend, BackendExt, BackendInfo, Capabilities, Drained, Finish, FinishReason,
    Health, Prompt, Rejected, Request, RequestBuilder, Sampling, SlowReader, Stats, Stop,
    StreamToken, Support, Token, TokenSink, TokenStream,
};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twist {
    Nothing,
    Abandons,
    NeverEnds,
    AnswersOtherwiseEachTime,
    LosesAnId,
    LosesLogprobs,
    LosesTheLastToken,
    MakesOneTokenMore,
    BreaksCharacters,
    IgnoresStopStrings,
    SwallowsFalseStarts,
    HoldsAllText,
    IgnoresMinTokens,
    IgnoresStopIds,
    IgnoresSeeds,
    CancelsNeighbours,
    LeaksDroppedStreams,
    ServesOneReaderAtATime,
    SaysNothing,
    EndsAtOnce,
    TellsTooSmallLimits,
    CutsPrompts,
    DropsUnsupported,
    DependsOnTheBatch,
    DrainsAtOnce,
    DrainsNothing,
}

pub(crate) struct Twisted<B> {
    inner: B,
    info: BackendInfo,
    twist: Twist,
    shared: Arc<Common>,
}

#[derive(Default)]
struct Common {
    /// Of all streams.
    handles: Mutex<Vec<AbortHandle>>,
    /// Held by the reader that is served.
    turn: Mutex<()>,
    requests: Mutex<usize>,
    /// Streams that are passed on now.
    running: Mutex<usize>,
}

impl<B: Backend> Twisted<B> {
    pub(crate) fn new(inner: B, twist: Twist) -> Self {
        let mut info = inner.info().clone();
        match twist {
            Twist::TellsTooSmallLimits => info.limits.queue = info.limits.queue.saturating_sub(1),
            Twist::DropsUnsupported => {
                info.capabilities = Capabilities {
                    penalties: Support::Unsupported,
                    ..info.capabilities
                }
            }
            _ => {}
        }
        Self {
            inner,
            info,
            twist,
            shared: Arc::default(),
        }
    }

    /// What the inner backend is asked.
    fn request(&self, request: &Request) -> Request {
        let number = {
            let mut requests = self.shared.requests.lock().unwrap();
            *requests += 1;
            *requests
        };
        let stop = |keep: fn(&Stop) -> (bool, bool, bool)| rebuilt_stop(request.stop(), keep);
        let asked = again(request);
        let asked = match self.twist {
            Twist::IgnoresStopStrings => asked.stop(stop(|_| (false, true, true))),
            Twist::IgnoresStopIds => asked.stop(stop(|_| (true, false, true))),
            Twist::IgnoresMinTokens => asked.stop(stop(|_| (true, true, false))),
            Twist::IgnoresSeeds | Twist::AnswersOtherwiseEachTime => {
                asked.sampling(Sampling::builder().seed(number as u64).build().unwrap())
            }
            Twist::MakesOneTokenMore => asked.max_tokens(request.max_tokens().unwrap_or(1) + 1),
            Twist::DependsOnTheBatch if *self.shared.running.lock().unwrap() > 0 => {
                asked.sampling(Sampling::builder().seed(number as u64).build().unwrap())
            }
            Twist::LeaksDroppedStreams => asked,
            _ => return request.clone(),
        };
        let own = request.delivery();
        let asked = match self.twist {
            // What is leaked must not come to its end by itself.
            Twist::LeaksDroppedStreams => asked.buffer(1).slow_reader(SlowReader::Pause),
            _ => asked.buffer(own.buffer()).slow_reader(own.slow_reader()),
        };
        asked.build().unwrap()
    }
}

/// The same request, to be changed.
fn again(request: &Request) -> RequestBuilder {
    let prompt = match request.prompt() {
        Prompt::Chat(messages) => Request::chat(messages.clone()),
        Prompt::Raw(text) => Request::raw(text.clone()),
        Prompt::Tokens(ids) => Request::tokens(ids.clone()),
    };
    let prompt = prompt
        .sampling(request.sampling().clone())
        .stop(request.stop().clone());
    match request.max_tokens() {
        Some(tokens) => prompt.max_tokens(tokens),
        None => prompt,
    }
}

/// The same conditions without strings, ids or a least number.
fn rebuilt_stop(stop: &Stop, keep: fn(&Stop) -> (bool, bool, bool)) -> Stop {
    let (strings, ids, least) = keep(stop);
    let mut builder = Stop::builder();
    if strings {
        builder = builder.strings(stop.strings().iter().cloned());
    }
    if ids {
        builder = stop
            .ids()
            .iter()
            .fold(builder, |builder, &id| builder.id(id));
    }
    if stop.ignore_eos() {
        builder = builder.ignore_eos();
    }
    if stop.include_in_output() {
        builder = builder.include_in_output();
    }
    builder
        .min_tokens(if least { stop.min_tokens() } else { 0 })
        .build()
        .unwrap()
}

#[async_trait]
impl<B: Backend> Backend for Twisted<B> {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let asked = match (self.twist, request.prompt()) {
            (Twist::CutsPrompts, Prompt::Tokens(ids)) => Request::tokens(ids[..1].to_vec())
                .max_tokens(1)
                .build()
                .unwrap(),
            _ => self.request(&request),
        };
        let inner = match self.inner.generate(asked) {
            Ok(inner) => inner,
            Err(Rejected { reason, .. }) => return Err(Rejected::new(reason, request, sink)),
        };
        self.shared
            .handles
            .lock()
            .unwrap()
            .push(inner.abort_handle());
        let forward = Forward {
            twist: self.twist,
            shared: self.shared.clone(),
            stops: request.stop().strings().to_vec(),
            held: String::new(),
            sent: 0,
        };
        let shared = self.shared.clone();
        *shared.running.lock().unwrap() += 1;
        std::thread::spawn(move || {
            block_on(forward.run(inner, sink));
            *shared.running.lock().unwrap() -= 1;
        });
        Ok(())
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    fn stats(&self) -> Option<Stats> {
        self.inner.stats()
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        match self.twist {
            Twist::DrainsAtOnce => self.inner.drain(Instant::now()).await,
            Twist::DrainsNothing => Drained::default(),
            _ => self.inner.drain(deadline).await,
        }
    }
}

/// Passes one stream on.
struct Forward {
    twist: Twist,
    shared: Arc<Common>,
    stops: Vec<String>,
    held: String,
    sent: usize,
}

impl Forward {
    async fn run(mut self, mut inner: TokenStream, sink: TokenSink) {
        if self.twist == Twist::EndsAtOnce {
            return sink.finish(FinishReason::Cancelled);
        }
        let mut delayed = None;
        while let Some(Ok(record)) = inner.next().await {
            sink.set_prompt_tokens(inner.usage().prompt_tokens);
            if self.twist == Twist::SaysNothing {
                continue;
            }
            let record = match self.twist {
                Twist::LosesTheLastToken => match delayed.replace(record) {
                    Some(earlier) => earlier,
                    None => continue,
                },
                _ => record,
            };
            if !self.pass(&record, &sink).await {
                return self.dropped(inner, sink);
            }
        }
        self.end(inner, sink);
    }

    /// Whether the reader is still there.
    async fn pass(&mut self, record: &StreamToken, sink: &TokenSink) -> bool {
        let turn = self.shared.turn.lock();
        let turn = turn
            .ok()
            .filter(|_| self.twist == Twist::ServesOneReaderAtATime);
        let reserved = sink.reserve().await;
        drop(turn);
        let Ok(permit) = reserved else {
            return false;
        };
        let ids: Vec<_> = record.ids().collect();
        let earlier = ids.len().saturating_sub(1);
        for (place, &id) in ids.iter().take(earlier).enumerate() {
            let logprobs = record.logprobs.get(place).cloned();
            let token = Token::new(id, "");
            _ = sink.send(Token { logprobs, ..token }).await;
        }
        let id = record
            .id
            .filter(|_| self.twist != Twist::LosesAnId || self.sent != 2);
        let reported = record.logprobs.last().cloned();
        permit.send(Token {
            sampled: record.times.sampled,
            logprobs: reported.filter(|_| self.twist != Twist::LosesLogprobs || self.sent != 2),
            ..Token::new(id, self.text(&record.text))
        });
        self.sent += 1;
        true
    }

    fn text(&mut self, text: &str) -> String {
        match self.twist {
            Twist::HoldsAllText => {
                self.held.push_str(text);
                String::new()
            }
            Twist::BreaksCharacters => text.replace(|c: char| !c.is_ascii(), "\u{FFFD}"),
            Twist::SwallowsFalseStarts => {
                let begins = |stop: &String| stop.starts_with(text) && !text.is_empty();
                match self.stops.iter().any(begins) {
                    true => String::new(),
                    false => text.to_owned(),
                }
            }
            _ => text.to_owned(),
        }
    }

    /// The reader is gone.
    fn dropped(&self, inner: TokenStream, sink: TokenSink) {
        match self.twist {
            Twist::LeaksDroppedStreams => std::mem::forget(inner),
            Twist::CancelsNeighbours => {
                let handles = self.shared.handles.lock().unwrap();
                handles.iter().for_each(AbortHandle::abort);
            }
            _ => {}
        }
        sink.finish(FinishReason::Cancelled);
    }

    fn end(self, inner: TokenStream, sink: TokenSink) {
        match (self.twist, inner.end().map(|end| end.outcome.clone())) {
            (Twist::Abandons, _) | (_, None) => drop(sink),
            (Twist::NeverEnds, _) => std::mem::forget(sink),
            (_, Some(Err(error))) => sink.fail(error),
            (_, Some(Ok(reason))) => sink.finish(Finish {
                reason,
                held_text: self.held,
            }),
        }
    }
}
