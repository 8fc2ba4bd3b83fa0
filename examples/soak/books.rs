//! What happened, and whether it may.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stream_core::{
    Backend, Error, FinishReason, Rejected, Rejection, Stats, TokenStream, Tokenizer,
};
use stream_runtime::Engine;

use crate::process;

/// Breaches that are kept; the first tell the most.
const MOST_BREACHES: usize = 20;

/// The engine, and the books that are kept of it.
pub(crate) struct Books {
    pub(crate) engine: Engine,
    tokenizer: Arc<dyn Tokenizer>,
    counts: Counts,
    breaches: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    turned_away: AtomicU64,
    invalid: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
    deadline: AtomicU64,
    slow: AtomicU64,
    failed: AtomicU64,
    /// Streams that were dropped before their end was read.
    left: AtomicU64,
    tokens: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Books {
    pub(crate) fn new(engine: Engine, tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self {
            engine,
            tokenizer,
            counts: Counts::default(),
            breaches: Mutex::default(),
        }
    }

    pub(crate) fn breach(&self, what: String) {
        let breaches = self.breaches.lock();
        let mut breaches = breaches.unwrap_or_else(PoisonError::into_inner);
        if breaches.len() < MOST_BREACHES {
            println!("BREACH: {what}");
            breaches.push(what);
        }
    }

    pub(crate) fn accept(&self, stream: TokenStream) -> TokenStream {
        count(&self.counts.accepted);
        stream
    }

    pub(crate) fn refuse(&self, invalid: bool, rejected: &Rejected) {
        match rejected.reason {
            Rejection::QueueFull { .. } => count(&self.counts.turned_away),
            _ if invalid => count(&self.counts.invalid),
            _ => self.breach(format!("turned down: {rejected}")),
        }
    }

    /// Looks at a stream that was read to its end.
    pub(crate) fn audit(&self, stream: &TokenStream) {
        let Some(end) = stream.end() else {
            return self.breach(format!("{stream:?} was read and has no end"));
        };
        if end.usage.completion_tokens != stream.ids().len() {
            self.breach(format!("{stream:?} counts other tokens than it gave"));
        }
        self.counts
            .tokens
            .fetch_add(stream.ids().len() as u64, Relaxed);
        match &end.outcome {
            Ok(FinishReason::Cancelled) => count(&self.counts.cancelled),
            Ok(_) => count(&self.counts.finished),
            Err(Error::Deadline { .. }) => count(&self.counts.deadline),
            Err(Error::SlowReader { .. }) => count(&self.counts.slow),
            Err(Error::Engine(_) | Error::Numerical { .. }) => count(&self.counts.failed),
            Err(error) => self.breach(format!("ended with: {error}")),
        }
        self.check_text(stream, &end.outcome);
    }

    /// The text is what the ids decode to, up to a stop string.
    fn check_text(&self, stream: &TokenStream, outcome: &Result<FinishReason, Error>) {
        let bytes = stream
            .ids()
            .iter()
            .filter_map(|&id| self.tokenizer.token_bytes(id));
        let bytes: Vec<u8> = bytes.flatten().copied().collect();
        let (decoded, text) = (String::from_utf8_lossy(&bytes), stream.text());
        let right = match outcome {
            Ok(FinishReason::StopString(stop)) => {
                let rest = decoded.strip_prefix(text);
                rest.is_some_and(|rest| rest.starts_with(stop.as_str()))
            }
            _ => decoded == text,
        };
        if !right {
            self.breach(format!("{outcome:?}: {text:?} is not {decoded:?}"));
        }
    }

    /// A stream has been dropped, `left` before its end was read.
    pub(crate) fn gone(&self, left: bool, ended: bool) {
        if left {
            count(&self.counts.left);
        }
        if !ended {
            self.breach("a stream that was dropped has no end".to_owned());
        }
    }

    fn stats(&self) -> Stats {
        self.engine.stats()
    }

    pub(crate) fn state(&self) -> String {
        let (stats, of) = (self.stats(), |counter: &AtomicU64| counter.load(Relaxed));
        format!(
            "{} streams, {} tokens; running {}, waiting {}, KV blocks {}; preempted {}",
            of(&self.counts.accepted),
            of(&self.counts.tokens),
            stats.running,
            stats.waiting,
            stats.kv_blocks_used,
            stats.preemptions,
        )
    }

    /// All clients have gone: the engine must be as it was.
    pub(crate) fn close(&self) {
        let idle = |s: &Stats| (s.running, s.waiting, s.kv_blocks_used) == (0, 0, 0);
        let ended = |s: &Stats| s.requests_finished + s.requests_cancelled + s.requests_failed;
        let accepted = self.counts.accepted.load(Relaxed);
        process::settle(|| idle(&self.stats()) && ended(&self.stats()) == accepted);
        let stats = self.stats();
        if !idle(&stats) {
            self.breach(format!("not idle: {stats:?}"));
        }
        if ended(&stats) != accepted {
            self.breach(format!(
                "{accepted} were accepted, but the engine ended others: {stats:?}"
            ));
        }
        let health = futures::executor::block_on(self.engine.health());
        if health != stream_core::Health::Ready {
            self.breach(format!("the engine is {health:?}"));
        }
    }

    /// Prints the books. Each accepted stream ended in one way.
    pub(crate) fn verdict(&self) -> crate::Result<()> {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let ends = [
            ("finished", of(&self.counts.finished)),
            ("cancelled", of(&self.counts.cancelled)),
            ("past a deadline", of(&self.counts.deadline)),
            ("stalled too long", of(&self.counts.slow)),
            ("failed", of(&self.counts.failed)),
            ("left by their readers", of(&self.counts.left)),
        ];
        let listed: Vec<_> = ends.iter().map(|(name, n)| format!("{n} {name}")).collect();
        println!(
            "{} streams: {}",
            of(&self.counts.accepted),
            listed.join(", ")
        );
        println!(
            "{} turned away, {} refused",
            of(&self.counts.turned_away),
            of(&self.counts.invalid)
        );
        let ended: u64 = ends.iter().map(|(_, n)| n).sum();
        if ended != of(&self.counts.accepted) {
            self.breach(format!(
                "{ended} ends of {} streams",
                of(&self.counts.accepted)
            ));
        }
        let breaches = self.breaches.lock();
        match breaches.unwrap_or_else(PoisonError::into_inner).len() {
            0 => {
                println!("verdict: good");
                Ok(())
            }
            n => Err(format!("verdict: {n} breaches").into()),
        }
    }
}

/// Some time to come to rest; how long it takes is not judged.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
