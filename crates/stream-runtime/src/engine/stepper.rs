//! The model, kept from taking anything else down with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::panic_message;
use super::stats::Board;
use crate::grammar::PendingMask;
use crate::{Batch, Choice, Chosen, Model, ModelError, Next, Row, SequenceId, Task};

/// So many failed steps in a row mean that the model cannot be mended.
const MOST_FAILURES: u32 = 3;

/// Runs the steps of a model and checks what it gives back.
pub(super) struct Stepper<M> {
    model: M,
    board: Arc<Board>,
    /// Steps that failed since one has succeeded.
    failures: u32,
}

impl<M: Model> Stepper<M> {
    pub(super) fn new(model: M, board: Arc<Board>) -> Self {
        Self {
            model,
            board,
            failures: 0,
        }
    }

    /// One choice for every position that `rows` sample, in their order.
    pub(super) fn step(&mut self, rows: &[Row<'_>]) -> Result<Vec<Next>, ModelError> {
        let (pulse, begun) = (self.board.pulse(), Instant::now());
        let outcome = pulse.during(|| guard(|| run(&mut self.model, rows)));
        self.board.timers().step.record(begun.elapsed());
        match outcome {
            Ok(_) => self.failures = 0,
            Err(_) => self.failures += 1,
        }
        outcome
    }

    /// Makes the model ready for another step after one that failed.
    pub(super) fn recover(&mut self) -> Result<(), ModelError> {
        if self.failures >= MOST_FAILURES {
            return Err(ModelError::new(format!(
                "{MOST_FAILURES} steps in a row failed"
            )));
        }
        let pulse = self.board.pulse();
        pulse
            .during(|| guard(|| self.model.reset()))
            .map_err(|e| ModelError::new(format!("the model cannot be reset: {e}")))
    }

    pub(super) fn release(&mut self, sequence: SequenceId) {
        self.model.release(sequence);
    }
}

fn run<M: Model>(model: &mut M, rows: &[Row<'_>]) -> Result<Vec<Next>, ModelError> {
    let mut next = Vec::with_capacity(rows.len());
    let ticket = model.launch(&Batch { rows })?;
    model.collect(ticket, &mut next)?;
    check(&next, rows, model.spec().vocabulary)?;
    Ok(next)
}

/// Whether there is a fitting outcome for every task.
fn check(next: &[Next], rows: &[Row<'_>], vocabulary: usize) -> Result<(), ModelError> {
    let expected: usize = rows.iter().map(|row| row.sample.len()).sum();
    if next.len() != expected {
        let found = next.len();
        return Err(ModelError::new(format!(
            "the model gave {found} outcomes where {expected} were asked for"
        )));
    }
    let tasks = rows
        .iter()
        .flat_map(|row| row.tasks().map(|(_, task)| task));
    tasks
        .zip(next)
        .try_for_each(|(task, next)| check_outcome(&task, next, vocabulary))
}

fn check_outcome(task: &Task<'_>, next: &Next, vocabulary: usize) -> Result<(), ModelError> {
    match (task, next) {
        (_, Next::NoFiniteLogit) | (Task::Score { .. }, Next::Scored(_)) => Ok(()),
        (Task::Choose(choice), Next::Token(chosen)) => check_chosen(choice, chosen, vocabulary),
        (Task::Choose(_), _) => Err(ModelError::new("the model scored where it was to choose")),
        (Task::Score { .. }, _) => Err(ModelError::new("the model chose where it was to score")),
    }
}

fn check_chosen(choice: &Choice<'_>, chosen: &Chosen, size: usize) -> Result<(), ModelError> {
    let (id, usable) = (chosen.id, choice.usable.min(size));
    if id as usize >= usable {
        return Err(ModelError::new(format!(
            "the model chose the id {id}, but the vocabulary is {usable}"
        )));
    }
    let forbidden = |mask: &PendingMask| !mask.wait().is_some_and(|mask| mask.allows(id));
    if choice.mask.is_some_and(forbidden) {
        return Err(ModelError::new(format!(
            "the model chose the id {id}, which the answer's grammar forbids"
        )));
    }
    match choice.logprobs.is_some() && chosen.scored.is_none() {
        true => Err(ModelError::new(
            "the model did not tell a token's log-probability",
        )),
        false => Ok(()),
    }
}

fn guard<T>(call: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        Err(ModelError::new(format!("the model panicked: {message}")))
    })
}
