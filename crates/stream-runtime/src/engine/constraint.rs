//! Answers that must match a grammar, and the thread that works out their masks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use stream_core::{Grammar, Rejection, Request, TokenId};

use super::panic_message;
use super::vocabulary::Vocabulary;
use crate::grammar::{
    Allowed, CompileError, Following, GrammarCompiler, MatchError, Matcher, Outcome, PendingMask,
};

/// A matcher for what the request asks for.
pub(super) fn compile(
    compiler: Option<&dyn GrammarCompiler>,
    request: &Request,
) -> Result<Option<Box<dyn Matcher>>, Rejection> {
    let (Some(compiler), Some(grammar)) = (compiler, request.grammar()) else {
        return Ok(None);
    };
    let compiled = catch_unwind(AssertUnwindSafe(|| compiler.compile(grammar)));
    let compiled =
        compiled.unwrap_or_else(|panic| Err(CompileError::Unusable(panic_message(&*panic))));
    compiled.map(Some).map_err(|error| refused(grammar, error))
}

fn refused(grammar: &Grammar, error: CompileError) -> Rejection {
    match error {
        CompileError::Unusable(message) => Rejection::Grammar {
            kind: grammar.kind(),
            message,
        },
        CompileError::Busy { capacity } => Rejection::GrammarsBusy { capacity },
    }
}

/// One answer's way through its grammar.
pub(super) struct Constraint {
    matcher: Arc<Mutex<Box<dyn Matcher>>>,
    /// What ends the answer where its text may end.
    ends: Arc<[TokenId]>,
    /// For the next choice.
    pending: Arc<PendingMask>,
    queue: MaskQueue,
}

impl Constraint {
    /// For an answer that begins; its first mask is on the way.
    pub(super) fn begin(matcher: Box<dyn Matcher>, ends: Vec<TokenId>, queue: &MaskQueue) -> Self {
        let this = Self {
            matcher: Arc::new(Mutex::new(matcher)),
            ends: ends.into(),
            pending: Arc::default(),
            queue: queue.clone(),
        };
        this.enqueue(None);
        this
    }

    /// The answer goes on with a token.
    pub(super) fn accept(&mut self, token: TokenId) {
        self.pending = Arc::default();
        self.enqueue(Some(token));
    }

    /// The mask for the next choice.
    pub(super) fn mask(&self) -> &PendingMask {
        &self.pending
    }

    /// Why nothing could be chosen, if it is the grammar's doing: the text is complete, or it is
    /// an error. `banned` must not be chosen for other reasons.
    pub(super) fn dead_end(&self, banned: &[TokenId]) -> Option<Result<(), Arc<str>>> {
        match self.pending.outcome() {
            Err(error) => Some(Err(error.message.clone())),
            Ok(Following { complete: true, .. }) => Some(Ok(())),
            Ok(Following { mask, .. }) if mask.iter().all(|id| banned.contains(&id)) => {
                let message = "min_tokens, bad_words or missing bytes forbid every token that \
                               the grammar allows";
                Some(Err(message.into()))
            }
            Ok(_) => None,
        }
    }

    fn enqueue(&self, accept: Option<TokenId>) {
        self.queue.send(Job {
            matcher: self.matcher.clone(),
            accept,
            ends: self.ends.clone(),
            pending: self.pending.clone(),
        });
    }
}

/// The way to the thread that works out masks. It holds one job for each answer at most: the
/// next token is chosen by the mask before.
#[derive(Clone)]
pub(super) struct MaskQueue(Sender<Job>);

struct Job {
    matcher: Arc<Mutex<Box<dyn Matcher>>>,
    accept: Option<TokenId>,
    ends: Arc<[TokenId]>,
    pending: Arc<PendingMask>,
}

impl MaskQueue {
    pub(super) fn new(vocabulary: Arc<Vocabulary>) -> (Self, MaskMaker) {
        let (queue, jobs) = channel();
        (Self(queue), MaskMaker { jobs, vocabulary })
    }

    fn send(&self, job: Job) {
        if let Err(back) = self.0.send(job) {
            let gone = MatchError::new("the thread that works out masks has ended");
            back.0.pending.set(Err(gone));
        }
    }
}

/// Works out masks, one after the other.
pub(super) struct MaskMaker {
    jobs: Receiver<Job>,
    vocabulary: Arc<Vocabulary>,
}

impl MaskMaker {
    /// Works until every queue is gone.
    pub(super) fn run(self) {
        for job in &self.jobs {
            // An answer that has ended waits for nothing.
            if Arc::strong_count(&job.pending) > 1 {
                job.pending.set(self.work_out(&job));
            }
        }
    }

    fn work_out(&self, job: &Job) -> Outcome {
        let step = || {
            let mut matcher = job.matcher.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(token) = job.accept {
                matcher.accept(token)?;
            }
            matcher.allowed()
        };
        let allowed = catch_unwind(AssertUnwindSafe(step))
            .unwrap_or_else(|panic| Err(MatchError::new(panic_message(&*panic))))?;
        self.with_ends(allowed, &job.ends)
    }

    fn with_ends(&self, allowed: Allowed, ends: &[TokenId]) -> Outcome {
        let mut mask = allowed.tokens;
        mask.intersect(self.vocabulary.texts());
        let complete = mask.is_empty() && allowed.may_end;
        if mask.is_empty() && !complete {
            return Err(MatchError::new(
                "no token continues the text as the grammar demands",
            ));
        }
        if allowed.may_end {
            ends.iter().for_each(|&end| mask.allow(end));
        }
        Ok(Following { mask, complete })
    }
}
