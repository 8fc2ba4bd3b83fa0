//! A backend around a [`Model`].
//!
//! The life of a request:
//!
//! 1. On the caller's thread it is checked, gets a place, and is tokenised (`admission`).
//! 2. It goes into the `inbox`, whose bell wakes the model's thread.
//! 3. The model's thread (`driver`) parts it: the sink goes to a `writer`, the tokens become a
//!    `generation`, and the scheduler lets it wait for KV blocks.
//! 4. Before each step its stream is asked for a permit. Without one it is left out.
//! 5. The model chooses a token in a step (`stepper`); the generation says if it is the last. If
//!    the answer must match a grammar, a thread works out which tokens may follow (`constraint`).
//! 6. The writer makes its text while the next step runs, and sends both with the permit. A stop
//!    string that it finds ends the stream; the token that was under way by then is discarded.
//! 7. The end, from whichever side, frees the blocks before the next step, and the place last.
//!
//! Beside them a `watchdog` looks for a step that does not end.

mod admission;
mod config;
mod constraint;
mod draft;
mod driver;
mod generation;
mod inbox;
mod memory;
mod meters;
mod stats;
mod stepper;
mod timer;
mod trail;
mod vocabulary;
mod watchdog;
mod words;
mod writer;

use std::any::Any;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use stream_core::{
    Backend, BackendInfo, Drained, Error, Health, Rejected, Rejection, Request, Roster, Stats,
    TokenSink, Tokenizer,
};

pub use config::{EngineConfig, StartError};

use crate::Model;
use crate::schedule::Scheduler;
use admission::{Admission, Admitted};
use constraint::MaskQueue;
use draft::Drafting;
use driver::{Aides, Driver};
use inbox::{Arrival, Inbox};
use meters::Labels;
use stats::Board;
use trail::Trail;
use vocabulary::Vocabulary;
use watchdog::{Watchdog, Watching};
use writer::{Writer, Writers};

/// Messages that a writer may lag behind before the model waits for it: one for each step, or for
/// each part of a large one.
const MOST_BEHIND: usize = 8;
/// How long an engine that is dropped waits for its threads.
const GRACE: Duration = Duration::from_secs(2);

/// A model with its loop: a [`Backend`].
///
/// Dropping it ends every open stream with [`Error::ShutDown`]; call [`Backend::drain`] before
/// to let them finish. The drop waits for the step under way, but no more than two seconds for
/// one that hangs: its thread is then left behind.
///
/// A step that takes longer than [`EngineConfig::step_timeout`] hangs: every stream ends with
/// [`Error::Hung`], and until it ends after all the engine takes nothing and its health is
/// [`Health::Failed`]. Then it goes on: what a step has given back is as good late as in time.
///
/// After eight requests in a row that ended with [`Error::Numerical`], its health is
/// [`Health::Failed`] too. It still takes requests, and the first good token makes it
/// [`Health::Ready`] again.
///
/// # Metrics
/// The numbers of [`Stats`] go to the recorder of the `metrics` crate that is installed when the
/// engine starts, with the labels `backend` and `model`; two engines with the same labels share
/// their series. Gauges: `stream_engine_requests_running`, `…_requests_waiting`,
/// `…_kv_cache_usage_ratio`. Counters: `…_steps_total`, `…_step_rows_total`,
/// `…_preemptions_total`, `…_prefix_cache_queries_total`, `…_prefix_cache_hits_total`,
/// `…_prompt_tokens_total`, `…_generation_tokens_total`,
/// `…_spec_decode_draft_tokens_total`, `…_spec_decode_accepted_tokens_total`,
/// `…_nan_logits_total`,
/// `…_requests_finished_total`, `…_requests_cancelled_total`, `…_requests_failed_total`.
/// Histograms: `…_request_queue_time_seconds`, `…_time_to_first_token_seconds`,
/// `…_inter_token_latency_seconds`, `…_e2e_request_latency_seconds`, `…_step_time_seconds`.
///
/// # Logs
/// Every accepted request has one span of `tracing`, `request`, at debug level: its number, the
/// backend, the model, and how many tokens its prompt has and its answer may have. Events in it
/// tell when it enters its first step, its first token, and its end. No text is ever logged.
pub struct Engine {
    admission: Admission,
    inbox: Arc<Inbox>,
    board: Arc<Board>,
    _watching: Option<Watching>,
    threads: Vec<JoinHandle<()>>,
    /// Hangs up when every thread has ended.
    alive: Mutex<Receiver<()>>,
}

impl Engine {
    /// Starts the threads that drive the model and make text.
    ///
    /// # Errors
    /// If the configuration or the model's [`Spec`](crate::Spec) is impossible, or the system
    /// gives no thread.
    pub fn start(
        model: impl Model,
        tokenizer: Arc<dyn Tokenizer>,
        config: EngineConfig,
    ) -> Result<Self, StartError> {
        let mut spec = model.spec().clone();
        spec.shares_blocks &= config.prefix_cache;
        config.check(&spec, &*tokenizer)?;
        let vocabulary = Arc::new(Vocabulary::new(tokenizer.clone(), spec.vocabulary));
        let labels = Labels::new(&config.backend, &config.model);
        let (inbox, board) = (Arc::new(Inbox::new()), Arc::new(Board::new(&labels)));
        let (writers, ends) = Writers::new(config.text_threads, MOST_BEHIND);
        let (of_model, bell) = (vocabulary.clone(), inbox.clone());
        let scheduler = Scheduler::new(&spec);
        let (masks, maker) = MaskQueue::new(vocabulary.clone());
        let aides = Aides {
            writers,
            masks,
            drafting: Drafting::new(&spec, config.speculative_tokens),
        };
        let driver = Driver::new(model, scheduler, of_model, bell, aides, board.clone());
        let roster = Roster::new(config.queue + spec.max_rows);
        let watchdog = |limit| Watchdog::new(limit, board.clone(), roster.clone()).start();
        let watching = config.step_timeout.map(watchdog).transpose()?;
        let (alive, dead) = channel::<()>();
        let mut threads = Vec::new();
        for end in ends {
            let writer = Writer::new(tokenizer.clone(), board.clone());
            threads.push(spawn(
                "stream-text",
                holding(alive.clone(), || writer.run(end)),
            )?);
        }
        if config.grammars.is_some() {
            threads.push(spawn(
                "stream-mask",
                holding(alive.clone(), || maker.run()),
            )?);
        }
        // The last to start: it is the one that would not end if another failed to.
        threads.push(spawn("stream-model", holding(alive, || driver.run()))?);
        Ok(Self {
            admission: Admission {
                info: config.info(&spec),
                roster,
                board: board.clone(),
                default_max_tokens: config.default_max_tokens,
                grammars: config.grammars,
                spec,
                vocabulary,
            },
            inbox,
            _watching: watching,
            board,
            threads,
            alive: Mutex::new(dead),
        })
    }

    /// What the engine does now, and what it has done.
    pub fn stats(&self) -> Stats {
        self.board.stats()
    }

    fn admit(&self, request: &Request, sink: &TokenSink) -> Result<Admitted, Rejection> {
        let admitted = self.admission.admit(request, sink.gate())?;
        sink.set_prompt_tokens(admitted.prompt.len());
        Ok(admitted)
    }

    /// Why the inbox is closed.
    fn closed(&self) -> Rejection {
        let fault = self.board.fault();
        fault.map_or(Rejection::ShuttingDown, Rejection::Failed)
    }
}

#[async_trait]
impl Backend for Engine {
    fn info(&self) -> &BackendInfo {
        &self.admission.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let admitted = match self.admit(&request, &sink) {
            Ok(admitted) => admitted,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        let (prompt, max_tokens) = (admitted.prompt.len(), admitted.max_tokens);
        let arrival = Box::new(Arrival {
            trail: Trail::begin(self.info(), &request, prompt, max_tokens),
            request,
            sink,
            place: admitted.place,
            prompt: admitted.prompt,
            echo: admitted.echo,
            memory: admitted.memory,
            matcher: admitted.matcher,
            max_tokens,
        });
        self.inbox.push(arrival).map_err(|back| {
            let Arrival { request, sink, .. } = *back;
            Rejected::new(self.closed(), request, sink)
        })
    }

    fn stats(&self) -> Option<Stats> {
        Some(self.board.stats())
    }

    async fn health(&self) -> Health {
        match self.board.fault().or_else(|| self.board.doubt()) {
            Some(fault) => Health::Failed(fault),
            None if self.admission.roster.is_closed() => Health::Draining,
            None => Health::Ready,
        }
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.admission.roster.drain(deadline).await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("info", &self.admission.info)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.admission.roster.close();
        // Streams end at once, even if the model hangs.
        self.admission.roster.fail_all(&Error::ShutDown);
        drop(self.inbox.close());
        let alive = self.alive.get_mut().unwrap_or_else(PoisonError::into_inner);
        if alive.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a step does not end: its thread is left behind");
            return;
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let thread = Builder::new().name(name.into()).spawn(work);
    thread.map_err(|source| StartError::Thread {
        name: name.into(),
        source,
    })
}

/// Work that holds on to `alive` until all that it owns is dropped.
fn holding(
    alive: Sender<()>,
    work: impl FnOnce() + Send + 'static,
) -> impl FnOnce() + Send + 'static {
    move || {
        work();
        drop(alive);
    }
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
