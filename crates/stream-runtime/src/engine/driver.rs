//! The thread that drives the model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use stream_core::{Enrolled, Error, Stats};

use super::constraint::MaskQueue;
use super::draft::Drafting;
use super::generation::{Generation, Room};
use super::inbox::{Arrival, Inbox};
use super::panic_message;
use super::stats::Board;
use super::stepper::Stepper;
use super::vocabulary::Vocabulary;
use super::writer::{Event, Made, Voice, Writers};
use crate::ascending::Ascending;
use crate::schedule::{Plan, Scheduler, Work};
use crate::{Chosen, Model, ModelError, ModelErrorKind, Next, SequenceId};

/// Rows of a step after which the text threads are told of them, while those behind are still
/// being looked at.
const PART: usize = 256;

/// Owns the model and the scheduler.
pub(super) struct Driver<M> {
    stepper: Stepper<M>,
    scheduler: Scheduler,
    generations: Ascending<Box<Generation>>,
    /// Ids ascend in the order of arrival.
    next_id: SequenceId,
    vocabulary: Arc<Vocabulary>,
    inbox: Arc<Inbox>,
    waker: Waker,
    writers: Writers,
    masks: MaskQueue,
    board: Arc<Board>,
    drafting: Drafting,
    stats: Stats,
    /// A sequence has ended since the numbers were published.
    ended: bool,
    /// Requests without a finite logit since a token was chosen.
    numerical: u32,
}

/// What works for the driver: it makes text, masks and drafts.
pub(super) struct Aides {
    pub(super) writers: Writers,
    pub(super) masks: MaskQueue,
    pub(super) drafting: Drafting,
}

impl<M: Model> Driver<M> {
    pub(super) fn new(
        model: M,
        scheduler: Scheduler,
        vocabulary: Arc<Vocabulary>,
        inbox: Arc<Inbox>,
        aides: Aides,
        board: Arc<Board>,
    ) -> Self {
        let mut this = Self {
            scheduler,
            stepper: Stepper::new(model, board.clone()),
            generations: Ascending::default(),
            next_id: SequenceId(0),
            vocabulary,
            waker: Waker::from(inbox.clone()),
            inbox,
            writers: aides.writers,
            masks: aides.masks,
            board,
            drafting: aides.drafting,
            stats: Stats::default(),
            ended: false,
            numerical: 0,
        };
        this.publish();
        this
    }

    /// Works until the engine is shut down or its model is beyond repair, and leaves no stream
    /// without its end.
    pub(super) fn run(mut self) {
        let why = catch_unwind(AssertUnwindSafe(|| self.work())).unwrap_or_else(|panic| {
            let message = panic_message(&*panic);
            Err(Error::Engine(
                format!("its thread panicked: {message}").into(),
            ))
        });
        self.close(&why.err().unwrap_or(Error::ShutDown));
    }

    /// Ends well when the inbox is closed.
    fn work(&mut self) -> Result<(), Error> {
        let mut idle = false;
        while let Some(arrivals) = self.inbox.take(idle) {
            self.admit(arrivals);
            self.sweep();
            let mut plan = self.scheduler.plan();
            self.draft(&mut plan);
            self.publish();
            let (plan, outcome) = self.attempt(plan);
            match outcome {
                Ok(next) => self.deliver(&plan, next),
                Err(fault) => self.recover(&plan, &fault)?,
            }
            idle = plan.is_empty();
        }
        Ok(())
    }

    fn admit(&mut self, arrivals: Vec<Arrival>) {
        for mut arrival in arrivals {
            let id = self.next_id;
            self.next_id.0 += 1;
            if let Some(prompt) = arrival.echo.take() {
                arrival.sink.echo(prompt);
            }
            arrival.sink.gate().watch(&self.waker);
            // A guess would have to be told to the matcher, and taken back.
            let drafter = match arrival.matcher {
                None => self.drafting.drafter(),
                Some(_) => None,
            };
            let (generation, sink, trail) =
                Generation::begin(arrival, &self.vocabulary, drafter, &self.masks);
            let voice = Voice::new(sink, generation.request().stop(), trail);
            self.writers.tell(id, Event::Begin(Box::new(voice)));
            self.stats.prompt_tokens += generation.prompt_tokens() as u64;
            self.scheduler
                .add(id, generation.tokens(), generation.prefix());
            self.generations.push(id, Box::new(generation));
        }
    }

    /// Frees what nobody reads any more, and reserves room in the other streams.
    fn sweep(&mut self) {
        let mut closed = Vec::new();
        for (id, generation) in self.generations.iter_mut() {
            match generation.reserve() {
                Room::Yes => self.scheduler.grant(id),
                Room::No => {}
                Room::Closed => closed.push(id),
            }
        }
        for id in closed {
            self.retire(id, Event::Closed);
        }
    }

    /// Lets the rows that decode guess ahead, where that is worth its time.
    fn draft(&mut self, plan: &mut Plan) {
        let Some(mut step) = self.drafting.step(plan) else {
            return;
        };
        for row in 0..plan.work().len() {
            let work = &plan.work()[row];
            let generation = self.generations.get_mut(work.sequence);
            if let Some(generation) = generation.filter(|_| work.decodes()) {
                let drafted = generation.draft(&step);
                let kept = self.scheduler.draft(plan, row, drafted);
                generation.keep_draft(kept, &mut step);
                self.stats.drafted_tokens += kept as u64;
            }
        }
    }

    /// The plan's drafts are not tried: what was taken for them is given back.
    fn forget_drafts(&mut self, plan: &Plan) {
        for work in plan.work() {
            self.scheduler.forget_draft(work);
            if let Some(generation) = self.generations.get_mut(work.sequence) {
                generation.forget_draft();
            }
        }
    }

    /// A step that has no memory for all of its work is tried once more with half of it. Gives the
    /// plan that it came to.
    fn attempt(&mut self, plan: Plan) -> (Plan, Result<Vec<Next>, ModelError>) {
        let outcome = self.step(&plan);
        if let Err(fault) = &outcome
            && fault.kind == ModelErrorKind::OutOfMemory
            && let Some(half) = plan.half()
        {
            tracing::warn!(%fault, rows = plan.work().len(), "half of a step is tried again");
            self.forget_drafts(&plan);
            let again = self.step(&half);
            return (half, again);
        }
        (plan, outcome)
    }

    /// Has the model do the work. A plan without any is done at once.
    fn step(&mut self, plan: &Plan) -> Result<Vec<Next>, ModelError> {
        if plan.is_empty() {
            return Ok(Vec::new());
        }
        self.stats.steps += 1;
        self.stats.rows += plan.work().len() as u64;
        for work in plan.work() {
            if let Some(generation) = self.generations.get_mut(work.sequence) {
                generation.enter_step(work);
            }
        }
        let (generations, scheduler) = (&self.generations, &self.scheduler);
        let row = |work: &Work| {
            let generation = generations.get(work.sequence);
            let generation = generation.expect("who is in the plan has not ended");
            generation.row(work, scheduler.blocks(work.sequence))
        };
        let rows: Vec<_> = plan.work().iter().map(row).collect();
        self.stepper.step(&rows)
    }

    /// Takes what the model chose, tells of it, and then lets others use what was computed: naming
    /// blocks takes time that no reader has to wait for.
    fn deliver(&mut self, plan: &Plan, next: Vec<Next>) {
        let sampled = Instant::now();
        let (mut next, mut sound) = (next.into_iter(), Vec::new());
        for (row, work) in plan.work().iter().enumerate() {
            if row > 0 && row.is_multiple_of(PART) {
                self.tell();
            }
            let Some(generation) = self.generations.get_mut(work.sequence) else {
                continue;
            };
            let outcomes = generation.outcomes(work);
            let own = &next.as_slice()[..outcomes];
            let accepted = generation.accept(work, own);
            self.stats.accepted_tokens += accepted as u64;
            self.scheduler.done(work, accepted);
            if work.sample && own.iter().all(Next::is_sound) {
                sound.push(work);
            }
            // Behind the first choice that the draft did not foresee, all are in vain.
            let stand = outcomes - (work.draft - accepted);
            for (number, next) in next.by_ref().take(outcomes).enumerate() {
                if number < stand {
                    self.take(work, next, sampled);
                }
            }
        }
        self.publish();
        sound.into_iter().for_each(|work| self.share(work));
    }

    fn take(&mut self, work: &Work, next: Next, sampled: Instant) {
        let sequence = work.sequence;
        let Some(generation) = self.generations.get_mut(sequence) else {
            return;
        };
        match next {
            Next::Scored(scored) => generation.keep_score(scored),
            Next::Token(chosen) => self.send(work, chosen, sampled),
            Next::NoFiniteLogit => {
                let end = generation.dead_end();
                if matches!(end, Err(Error::Numerical { .. })) {
                    self.note_numerical(self.numerical + 1);
                }
                self.retire(sequence, |place| match end {
                    Ok(reason) => Event::Ended(reason, place),
                    Err(error) => Event::Failed(error, place),
                });
            }
        }
    }

    fn send(&mut self, work: &Work, chosen: Chosen, sampled: Instant) {
        let sequence = work.sequence;
        self.note_numerical(0);
        let Some(generation) = self.generations.get_mut(sequence) else {
            return;
        };
        self.stats.completion_tokens += 1;
        self.stats.nan_logits += u64::from(chosen.nan_logits);
        if let Some(scores) = generation.take_scores() {
            self.writers.tell(sequence, Event::PromptScored(scores));
        }
        let (permit, end) = generation.push(&chosen);
        let made = Made {
            id: chosen.id,
            scored: chosen.scored,
            permit: permit.expect("the scheduler samples no sequence without a permit"),
            sampled,
        };
        match end {
            None => self.writers.tell(sequence, Event::Token(made)),
            Some(reason) => {
                // Its blocks are free with its end, for the next one that begins like it.
                self.share(work);
                self.retire(sequence, |place| {
                    Event::Last(made, Box::new((reason, place)))
                });
            }
        }
    }

    /// The model has chosen from sound logits after this part of a step: what was computed for
    /// it may be used by others.
    fn share(&mut self, work: &Work) {
        if let Some(generation) = self.generations.get(work.sequence) {
            let computed = &generation.tokens()[..work.positions.end];
            self.scheduler.share(work.sequence, computed);
        }
    }

    fn note_numerical(&mut self, requests: u32) {
        if std::mem::replace(&mut self.numerical, requests) != requests {
            self.board.set_numerical(requests);
        }
    }

    /// The failed step's own rows end with its fault; all others are computed anew.
    fn recover(&mut self, plan: &Plan, fault: &ModelError) -> Result<(), Error> {
        tracing::warn!(%fault, rows = plan.work().len(), "a step failed");
        let beyond_repair = |e| Error::Engine(format!("{fault}; {e}").into());
        self.stepper.recover().map_err(beyond_repair)?;
        let error = Error::Engine(fault.to_string().into());
        for work in plan.work() {
            self.retire(work.sequence, |place| Event::Failed(error.clone(), place));
        }
        self.scheduler.preempt_all();
        self.publish();
        Ok(())
    }

    /// Frees what the sequence holds; its writer is told so afterwards.
    fn retire(&mut self, sequence: SequenceId, last: impl FnOnce(Enrolled) -> Event) {
        if let Some(generation) = self.generations.remove(sequence) {
            self.ended = true;
            self.scheduler.remove(sequence);
            self.stepper.release(sequence);
            self.writers.tell(sequence, last(generation.into_place()));
        }
    }

    /// Tells what has happened until now. The numbers are only as new where a stream's end is told.
    fn tell(&mut self) {
        match self.ended {
            true => self.publish(),
            false => self.writers.send(),
        }
    }

    /// First the numbers, then the news: who has seen a stream's end finds its blocks free.
    fn publish(&mut self) {
        let (kv_blocks_used, kv_blocks_total) = self.scheduler.kv_blocks();
        let prefix = self.scheduler.prefix_use();
        self.board.publish(Stats {
            running: self.scheduler.running(),
            waiting: self.scheduler.waiting(),
            kv_blocks_used,
            kv_blocks_total,
            preemptions: self.scheduler.preemptions(),
            prefix_cache_queries: prefix.queries,
            prefix_cache_hits: prefix.hits,
            ..self.stats
        });
        self.ended = false;
        self.writers.send();
    }

    /// Ends every stream that is left. The model is not asked any more.
    fn close(mut self, why: &Error) {
        if let Error::Engine(message) = why {
            tracing::error!(%message, "the engine has failed");
            self.board.set_fault(message);
        }
        for arrival in self.inbox.close() {
            let Arrival {
                sink, place, trail, ..
            } = arrival;
            self.board.count_end(&sink, &Err(why.clone()));
            trail.end(&sink.gate(), &Err(why.clone()));
            sink.fail(why.clone());
            drop(place);
        }
        for (sequence, generation) in std::mem::take(&mut self.generations).into_iter() {
            self.scheduler.remove(sequence);
            let last = Event::Failed(why.clone(), generation.into_place());
            self.writers.tell(sequence, last);
        }
        self.publish();
    }
}
