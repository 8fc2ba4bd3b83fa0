//! A step that does not end: the watchdog ends the streams, and the engine says so.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, DeadlineKind, Deadlines, Error, Health, Rejection, Sampling, TokenStream,
};
use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, SequenceId, Spec};
use stream_testkit::{Control, Fault, Faulty, Toy};

use crate::lab::{Lab, config, greedy, read, spec};
use crate::toy::hashed;
use crate::words::{Words, ids};

/// Long beside a step of the toy, even on a machine with much else to do.
const LIMIT: Duration = Duration::from_millis(800);

fn limited(step_timeout: impl Into<Option<Duration>>) -> EngineConfig {
    EngineConfig {
        step_timeout: step_timeout.into(),
        ..config()
    }
}

fn lab(step_timeout: impl Into<Option<Duration>>) -> Lab {
    Lab::with_config(hashed(), spec(), limited(step_timeout))
}

/// The stream ends once, by the watchdog, with all that was made before.
fn hung(lab: &Lab, mut stream: TokenStream, prompt: &str, tokens: usize) {
    let mut items: Vec<_> = (&mut stream).into_iter().collect();
    let error = Error::Hung { limit: LIMIT };
    assert_eq!(items.pop(), Some(Err(error.clone())));
    let made: Vec<_> = items
        .into_iter()
        .map(|item| item.unwrap().id.unwrap())
        .collect();
    assert_eq!(
        made,
        lab.expected(&ids(prompt), tokens, &Sampling::greedy())
    );
    let end = stream.end().unwrap();
    assert_eq!(end.outcome, Err(error));
    assert_eq!(end.usage.prompt_tokens, prompt.len());
    assert_eq!(end.usage.completion_tokens, tokens);
}

/// While the step hangs nothing is taken and nothing runs, but its blocks stay in use.
fn is_out_of_order(lab: &Lab, failed: u64) {
    let reason = "a step hangs";
    assert_eq!(block_on(lab.engine.health()), Health::Failed(reason.into()));
    let request = greedy(&ids("late"), 1).build().unwrap();
    let rejected = lab.engine.generate(request.clone()).unwrap_err();
    assert_eq!(rejected.reason, Rejection::Failed(reason.into()));
    assert_eq!(rejected.into_request(), request);
    let stats = lab.engine.stats();
    assert_eq!((stats.running, stats.waiting), (0, 0));
    assert!(stats.kv_blocks_used > 0);
    assert_eq!(stats.requests_failed, failed);
}

/// When the step has ended after all, the engine works as if nothing had been.
fn is_back(lab: &Lab) {
    while block_on(lab.engine.health()) != Health::Ready {
        std::thread::yield_now();
    }
    let expected = lab.expected(&ids("again"), 9, &Sampling::greedy());
    assert_eq!(read(lab.generate(greedy(&ids("again"), 9))), expected);
}

#[test]
fn in_launch_with_streams_in_the_step_and_waiting() {
    let lab = lab(LIMIT);
    lab.control.hold();
    lab.control.allow(2);
    let running = lab.generate(greedy(&ids("one"), 9));
    lab.control.begun(3);
    let waiting = [
        lab.generate(greedy(&ids("two"), 9)),
        lab.generate(greedy(&ids("three"), 9)),
    ];
    hung(&lab, running, "one", 2);
    for (stream, prompt) in waiting.into_iter().zip(["two", "three"]) {
        hung(&lab, stream, prompt, 0);
    }
    is_out_of_order(&lab, 3);
    lab.control.open();
    is_back(&lab);
    let stats = lab.settle(4);
    assert_eq!((stats.requests_failed, stats.requests_finished), (3, 1));
}

/// A model that hangs in its first `collect`, or in its first `reset`, until it is told to go on.
struct Stuck {
    model: Faulty<Toy>,
    in_reset: bool,
    told: Option<Receiver<()>>,
}

impl Stuck {
    fn hang(&mut self, here: bool) {
        if here && let Some(told) = self.told.take() {
            told.recv().unwrap();
        }
    }
}

impl Model for Stuck {
    type Ticket = <Faulty<Toy> as Model>::Ticket;

    fn spec(&self) -> &Spec {
        self.model.spec()
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError> {
        self.model.launch(batch)
    }

    fn collect(&mut self, step: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        self.hang(!self.in_reset);
        self.model.collect(step, next)
    }

    fn release(&mut self, sequence: SequenceId) {
        self.model.release(sequence);
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.hang(self.in_reset);
        self.model.reset()
    }
}

fn hangs_beside_launch(in_reset: bool) {
    let (brain, control) = (hashed(), Control::default());
    let (tell, told) = channel();
    let model = Stuck {
        model: Faulty::new(Toy::thinking(spec(), brain.clone()), control.clone()),
        in_reset,
        told: Some(told),
    };
    let engine = Engine::start(model, Arc::new(Words::new()), limited(LIMIT)).unwrap();
    let lab = Lab {
        engine,
        control,
        brain,
    };
    if in_reset {
        lab.control.strike(Fault::ErrorInLaunch);
    }
    hung(&lab, lab.generate(greedy(&ids("one"), 9)), "one", 0);
    is_out_of_order(&lab, 1);
    tell.send(()).unwrap();
    is_back(&lab);
    assert_eq!(lab.settle(2).requests_failed, 1);
}

#[test]
fn in_collect() {
    hangs_beside_launch(false);
}

#[test]
fn in_reset_after_a_step_that_failed() {
    hangs_beside_launch(true);
}

/// Nobody is there to end its stream but the deadline of the stream itself.
#[test]
fn a_step_may_take_for_ever_where_no_limit_is_set() {
    let lab = lab(None);
    lab.control.hold();
    let total = Some(LIMIT);
    let deadlines = Deadlines {
        total,
        ..Deadlines::default()
    };
    let stream = lab.generate(greedy(&ids("one"), 9).deadlines(deadlines));
    let error = stream.into_iter().last().unwrap().unwrap_err();
    let kind = DeadlineKind::Total;
    assert_eq!(error, Error::Deadline { kind, limit: LIMIT });
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    assert_eq!(lab.settle(1).requests_cancelled, 1);
}

#[test]
fn an_engine_that_has_nothing_to_do_does_not_hang() {
    let lab = lab(Duration::from_millis(1));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(block_on(lab.engine.health()), Health::Ready);
    lab.settle(0);
}

#[test]
fn dropping_an_engine_whose_step_was_given_up() {
    let lab = lab(LIMIT);
    lab.control.hold();
    let stream = lab.generate(greedy(&ids("one"), 9));
    hung(&lab, stream, "one", 0);
    drop(lab.engine);
    lab.control.open();
}
