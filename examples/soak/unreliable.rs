//! A model that fails now and then.

use stream_runtime::{Batch, Model, ModelError, Next, SequenceId, Spec};

/// Steps from one fault to the next.
const PERIOD: u64 = 50;

/// A model around another: of its steps, one fails, a later one panics, one more has a row
/// without finite logits; and so on.
pub(crate) struct Unreliable<M> {
    model: M,
    steps: u64,
}

impl<M> Unreliable<M> {
    pub(crate) fn new(model: M) -> Self {
        Self { model, steps: 0 }
    }
}

impl<M: Model> Model for Unreliable<M> {
    type Ticket = M::Ticket;

    fn spec(&self) -> &Spec {
        self.model.spec()
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<M::Ticket, ModelError> {
        self.steps += 1;
        self.model.launch(batch)
    }

    fn collect(&mut self, ticket: M::Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        self.model.collect(ticket, next)?;
        match (self.steps % PERIOD, self.steps / PERIOD % 3) {
            (0, 0) => Err(ModelError::new("this step fails on purpose")),
            // A panic without the message that the hook would print.
            (0, 1) => std::panic::resume_unwind(Box::new("this step panics on purpose")),
            (0, _) => {
                if let Some(last) = next.last_mut() {
                    *last = Next::NoFiniteLogit;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn release(&mut self, sequence: SequenceId) {
        self.model.release(sequence);
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.model.reset()
    }
}
