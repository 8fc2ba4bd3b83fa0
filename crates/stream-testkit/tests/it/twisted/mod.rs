//! A backend around another one that passes everything on, or breaks a law on purpose.

mod forward;
mod rebuilt;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use futures::executor::block_on;
use stream_core::{
    AbortHandle, Backend, BackendExt, BackendInfo, Capabilities, Drained, Health, Prompt, Rejected,
    Rejection, Request, Sampling, SlowReader, Stats, Support, TokenSink,
};

use forward::Forward;
use rebuilt::{Left, again};

/// Streams that [`Twist::CancelsBySlot`] tells apart.
const SLOTS: usize = 2;

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
    TakesTheLastStopString,
    SwallowsFalseStarts,
    HoldsAllText,
    IgnoresMinTokens,
    IgnoresStopIds,
    IgnoresSeeds,
    IgnoresGrammars,
    CancelsNeighbours,
    /// Has two slots, and takes the end of a slot's last stream for a cancel of the one that is
    /// in it now.
    CancelsBySlot,
    LeaksDroppedStreams,
    ServesOneReaderAtATime,
    SaysNothing,
    EndsAtOnce,
    /// Refuses a request whose stream has ended by then.
    RefusesTheDead,
    TellsTooSmallLimits,
    CutsPrompts,
    DropsUnsupported,
    DependsOnTheBatch,
    DrainsAtOnce,
    DrainsNothing,
    /// Says that its answers depend on the batch, though they do not.
    PromisesLess,
    /// Says so, and scores by the batch.
    ScoresByTheBatch,
    HidesErrors,
    MisnamesErrors,
    AbandonsWhatFails,
    NeverEndsWhatFails,
    FailsNeighbours,
    AnswersOtherwiseAfterAFault,
    RefusesAfterAFault,
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
    /// A stream has failed.
    failed: AtomicBool,
}

impl Common {
    /// Keeps a stream's handle, and gives the stream a number.
    fn note(&self, handle: AbortHandle) -> usize {
        let mut handles = self.handles.lock().unwrap();
        handles.push(handle);
        handles.len() - 1
    }

    /// Whether the stream that was in this one's slot before it has ended.
    fn slot_was_used(&self, number: usize) -> bool {
        let handles = self.handles.lock().unwrap();
        let before = number.checked_sub(SLOTS).map(|number| &handles[number]);
        before.is_some_and(AbortHandle::is_ended)
    }
}

impl<B: Backend> Twisted<B> {
    pub(crate) fn new(inner: B, twist: Twist) -> Self {
        let mut info = inner.info().clone();
        match twist {
            Twist::TellsTooSmallLimits => info.limits.queue = info.limits.queue.saturating_sub(1),
            Twist::PromisesLess | Twist::ScoresByTheBatch => {
                info.capabilities.batch_invariant = false;
            }
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
        let stop = request.stop();
        let all = Left::of(stop);
        let asked = again(request);
        let asked = match self.twist {
            Twist::IgnoresStopStrings => asked.stop(
                Left {
                    strings: &[],
                    ..all
                }
                .build(stop),
            ),
            Twist::IgnoresStopIds => asked.stop(Left { ids: &[], ..all }.build(stop)),
            Twist::IgnoresMinTokens => asked.stop(
                Left {
                    min_tokens: 0,
                    ..all
                }
                .build(stop),
            ),
            Twist::TakesTheLastStopString => {
                let last = stop.strings().last().map_or(&[][..], std::slice::from_ref);
                asked.stop(
                    Left {
                        strings: last,
                        ..all
                    }
                    .build(stop),
                )
            }
            Twist::IgnoresSeeds | Twist::AnswersOtherwiseEachTime => {
                asked.sampling(Sampling::builder().seed(number as u64).build().unwrap())
            }
            Twist::MakesOneTokenMore => asked.max_tokens(request.max_tokens().unwrap_or(1) + 1),
            Twist::DependsOnTheBatch if *self.shared.running.lock().unwrap() > 0 => {
                asked.sampling(Sampling::builder().seed(number as u64).build().unwrap())
            }
            Twist::AnswersOtherwiseAfterAFault if self.shared.failed.load(Ordering::SeqCst) => {
                asked.sampling(Sampling::builder().seed(number as u64).build().unwrap())
            }
            Twist::LeaksDroppedStreams | Twist::IgnoresGrammars => asked,
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

#[async_trait]
impl<B: Backend> Backend for Twisted<B> {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let failed = self.shared.failed.load(Ordering::SeqCst);
        let dead = self.twist == Twist::RefusesTheDead && sink.is_cancelled();
        if dead || self.twist == Twist::RefusesAfterAFault && failed {
            return Err(Rejected::new(Rejection::ShuttingDown, request, sink));
        }
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
        let forward = Forward {
            twist: self.twist,
            number: self.shared.note(inner.abort_handle()),
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
