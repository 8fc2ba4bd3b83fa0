//! A model that fails on purpose.

mod control;
mod fault;

pub use control::{Control, Hand, SeenRow};
pub use fault::Fault;

use stream_runtime::{Batch, Model, ModelError, Next, SequenceId, Spec};

/// A model around another one: it counts steps, waits where a test holds it, and fails in the
/// steps that its [`Control`] names. In all other steps it is the model that it stands around.
///
/// ```
/// use std::sync::Arc;
///
/// use stream_core::{BackendExt, Error, Request};
/// use stream_runtime::{Engine, EngineConfig};
/// use stream_testkit::{Control, Fault, Faulty, Golden, Toy};
///
/// let control = Control::default();
/// let model = Faulty::new(Toy::new(Toy::small(64)), control.clone());
/// let config = EngineConfig::new("toy", "hash", "cpu");
/// let engine = Engine::start(model, Arc::new(Golden::default()), config)?;
///
/// control.strike(Fault::PanicInLaunch);
/// let stream = engine.generate(Request::raw("the sea").build()?)?;
/// let error = stream.blocking().completion().unwrap_err();
/// assert!(matches!(error, Error::Engine(_)), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Faulty<M> {
    model: M,
    control: Control,
}

impl<M: Model> Faulty<M> {
    /// The model in a test's hand.
    pub fn new(model: M, control: Control) -> Self {
        Self { model, control }
    }
}

/// A step of the inner model, with what goes wrong in it.
#[derive(Debug)]
pub struct Struck<T> {
    ticket: T,
    fault: Option<Fault>,
    /// How many outcomes there are up to and including those of each row.
    ends: Vec<usize>,
}

impl<M: Model> Model for Faulty<M> {
    type Ticket = Struck<M::Ticket>;

    fn spec(&self) -> &Spec {
        self.model.spec()
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Self::Ticket, ModelError> {
        let fault = self.control.begin(batch.rows);
        let ticket = self.model.launch(batch)?;
        if let Some(fault) = &fault {
            fault.at_launch()?;
        }
        let ends = batch.rows.iter().scan(0, |outcomes, row| {
            *outcomes += row.tasks().count();
            Some(*outcomes)
        });
        Ok(Struck {
            ticket,
            fault,
            ends: ends.collect(),
        })
    }

    fn collect(&mut self, step: Self::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        let mut outcomes = Vec::new();
        self.model.collect(step.ticket, &mut outcomes)?;
        if let Some(fault) = &step.fault {
            let vocabulary = self.model.spec().vocabulary;
            fault.at_collect(&mut outcomes, &step.ends, vocabulary)?;
        }
        next.extend(outcomes);
        Ok(())
    }

    fn release(&mut self, sequence: SequenceId) {
        self.model.release(sequence);
        self.control.note(|hand| hand.released.push(sequence));
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.model.reset()?;
        self.control.note(|hand| hand.resets += 1);
        match self.control.hand().reset_fails {
            true => Err(ModelError::new("reset fails")),
            false => Ok(()),
        }
    }
}
