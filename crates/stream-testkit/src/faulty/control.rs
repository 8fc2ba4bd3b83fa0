//! A test's hand on a running model.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stream_runtime::{Row, SequenceId};

use super::Fault;

/// How long [`Control::until`] waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A test's hand on a [`Faulty`](super::Faulty) model: sees its steps, holds it between them, and
/// says what goes wrong in which. Clones are one hand.
#[derive(Debug, Clone, Default)]
pub struct Control {
    shared: Arc<(Mutex<Hand>, Condvar)>,
}

/// What a [`Control`] knows and wants. Steps are counted from 0, in the order of their launch.
#[derive(Debug, Default)]
pub struct Hand {
    /// Steps that may be done in all; `None` is any number.
    allowed: Option<usize>,
    /// How often the model was let go.
    opened: usize,
    /// The rows of every step that was begun; the last one may be held.
    pub steps: Vec<Vec<SeenRow>>,
    /// What goes wrong, by the number of the step.
    pub faults: HashMap<usize, Fault>,
    /// A reset of the model fails.
    pub reset_fails: bool,
    /// How often the model was reset.
    pub resets: usize,
    /// The sequences that the model was told are gone.
    pub released: Vec<SequenceId>,
}

/// A row that the model was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRow {
    /// Whose it is.
    pub sequence: SequenceId,
    /// The positions of its input tokens.
    pub positions: Range<usize>,
    /// Whether a token was to be chosen.
    pub sampled: bool,
    /// How many given tokens were to be scored.
    pub scored: usize,
}

impl Control {
    /// What was seen until now; to be held for a moment only.
    pub fn hand(&self) -> MutexGuard<'_, Hand> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has this go wrong in the next step that begins, and gives the step's number.
    pub fn strike(&self, fault: Fault) -> usize {
        let mut hand = self.hand();
        let step = hand.steps.len();
        hand.faults.insert(step, fault);
        step
    }

    /// Holds the model in its next step.
    pub fn hold(&self) {
        let mut hand = self.hand();
        hand.allowed = Some(hand.steps.len());
    }

    /// Lets it do so many steps more.
    pub fn allow(&self, steps: usize) {
        let mut hand = self.hand();
        hand.allowed = hand.allowed.map(|allowed| allowed + steps);
        self.shared.1.notify_all();
    }

    /// Lets it go on for good, out of a [`Fault::Hang`] too.
    pub fn open(&self) {
        let mut hand = self.hand();
        hand.allowed = None;
        hand.opened += 1;
        self.shared.1.notify_all();
    }

    /// Whether the model has been dropped, and every other clone of this hand.
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Waits until so many steps were begun; the last of them may be held.
    ///
    /// # Panics
    /// If they are not within 30 seconds.
    pub fn begun(&self, steps: usize) {
        self.until(|hand| hand.steps.len() >= steps);
    }

    /// Waits for something that must come.
    ///
    /// # Panics
    /// If it does not within 30 seconds.
    pub fn until(&self, happened: impl Fn(&Hand) -> bool) {
        assert!(self.wait(PATIENCE, happened), "it did not happen");
    }

    /// Waits so long for something, and says if it came.
    pub fn wait(&self, patience: Duration, happened: impl Fn(&Hand) -> bool) -> bool {
        let waiting = |hand: &mut Hand| !happened(hand);
        let bell = &self.shared.1;
        let waited = bell.wait_timeout_while(self.hand(), patience, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// In a step, on the model's thread.
    pub(super) fn begin(&self, rows: &[Row<'_>]) -> Option<Fault> {
        let mut hand = self.hand();
        let (number, opened) = (hand.steps.len(), hand.opened);
        hand.steps.push(rows.iter().map(seen).collect());
        self.shared.1.notify_all();
        let hangs = |hand: &Hand| {
            matches!(hand.faults.get(&number), Some(Fault::Hang)) && hand.opened == opened
        };
        let waits =
            |hand: &mut Hand| hangs(hand) || hand.allowed.is_some_and(|allowed| number >= allowed);
        let waited = self.shared.1.wait_while(hand, waits);
        let hand = waited.unwrap_or_else(PoisonError::into_inner);
        hand.faults.get(&number).copied()
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Hand)) {
        what(&mut self.hand());
        self.shared.1.notify_all();
    }
}

fn seen(row: &Row<'_>) -> SeenRow {
    SeenRow {
        sequence: row.sequence,
        positions: row.start..row.start + row.tokens.len(),
        sampled: row.sample.len() > row.given.tokens.len(),
        scored: row.given.tokens.len(),
    }
}
