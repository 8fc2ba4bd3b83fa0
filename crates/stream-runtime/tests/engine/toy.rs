//! A model whose logits are a function of every token of the sequence, as it finds them in its
//! paged KV cache: a wrong block, a wrong position or a lost recomputation is a wrong token.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use stream_core::{Dry, Sampling, TokenId, Tokenizer};
use stream_runtime::sample::{DrawKey, Sampler, SequenceBreakers, TokenCounts, dry_penalties};
use stream_runtime::{
    Batch, Choice, Model, ModelError, Next, Probable, Row, Scored, SequenceId, Spec,
};

use crate::words::{VOCABULARY, Words};

/// The logits after a sequence of tokens.
pub(crate) type Brain = Arc<dyn Fn(&[TokenId]) -> Vec<f32> + Send + Sync>;

/// Logits without a pattern.
pub(crate) fn hashed() -> Brain {
    Arc::new(|tokens| {
        let logit = |id: usize| {
            let mut hasher = DefaultHasher::new();
            (tokens, id).hash(&mut hasher);
            (hasher.finish() % 8000) as f32 / 1000.0 - 4.0
        };
        (0..VOCABULARY).map(logit).collect()
    })
}

/// After a prompt of `prompt` tokens, says `answer` and then `a` for ever.
pub(crate) fn scripted(prompt: usize, answer: &[TokenId]) -> Brain {
    let answer = answer.to_vec();
    Arc::new(move |tokens| {
        let said = answer.get(tokens.len() - prompt).copied().unwrap_or(2);
        let mut logits: Vec<f32> = (0..VOCABULARY).map(|id| -(id as f32)).collect();
        logits[said as usize] = 100.0;
        logits
    })
}

/// What the model must answer, worked out without an engine.
pub(crate) fn answer(
    brain: &Brain,
    prompt: &[TokenId],
    tokens: usize,
    sampling: &Sampling,
) -> Vec<TokenId> {
    answer_of_choice(brain, prompt, tokens, sampling, 0)
}

/// As [`answer`], for one of several choices.
pub(crate) fn answer_of_choice(
    brain: &Brain,
    prompt: &[TokenId],
    tokens: usize,
    sampling: &Sampling,
    choice: u32,
) -> Vec<TokenId> {
    let mut all = prompt.to_vec();
    let mut history = TokenCounts::default();
    history.record_prompt(prompt);
    let mut mu = Choice::new(sampling).mu;
    for position in 0..tokens as u64 {
        let key = DrawKey {
            seed: sampling.seed().unwrap_or(0),
            choice,
            position,
        };
        let dry = sampling
            .dry()
            .map(|dry| dry_penalties(dry, &all, &breaks(dry, &all)));
        let choice = Choice {
            key,
            history: &history,
            banned: &[60, 61, 62, 63],
            dry: &dry.unwrap_or_default(),
            mu,
            ..Choice::new(sampling)
        };
        let Next::Token(chosen) = Sampler::new().sample(&mut brain(&all), &choice) else {
            panic!("no finite logit")
        };
        mu = chosen.mu;
        all.push(chosen.id);
        history.record_answer(chosen.id);
    }
    all.split_off(prompt.len())
}

/// The tokens of a sequence that a repetition does not reach over.
fn breaks(dry: &Dry, tokens: &[TokenId]) -> Vec<bool> {
    let words = Words::new();
    let bytes = tokens.iter().map(|&id| words.token_bytes(id).unwrap());
    let mut breakers = SequenceBreakers::new(dry);
    bytes.map(|bytes| breakers.push(bytes)).collect()
}

/// What goes wrong in a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    PanicInLaunch,
    PanicInCollect,
    ErrorInLaunch,
    ErrorInCollect,
    OneTooFew,
    OneTooMany,
    IdOutsideVocabulary,
    /// In the row with this number.
    NotANumber(usize),
    /// A choice where a score was asked for, and the other way round.
    Mixed,
    /// A token without the log-probability that was asked for.
    Unscored,
}

/// A row that the model was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenRow {
    pub(crate) sequence: SequenceId,
    pub(crate) positions: Range<usize>,
    pub(crate) sampled: bool,
    /// How many given tokens were to be scored.
    pub(crate) scored: usize,
}

/// The test's hand on a running model.
#[derive(Clone, Default)]
pub(crate) struct Control {
    shared: Arc<(Mutex<Hand>, Condvar)>,
}

#[derive(Default)]
pub(crate) struct Hand {
    /// Steps that may be done in all; `None` is any number.
    allowed: Option<usize>,
    /// The rows of every step that was begun.
    pub(crate) steps: Vec<Vec<SeenRow>>,
    /// By the number of the step.
    pub(crate) faults: HashMap<usize, Fault>,
    pub(crate) reset_fails: bool,
    pub(crate) resets: usize,
    pub(crate) released: Vec<SequenceId>,
}

impl Control {
    pub(crate) fn hand(&self) -> MutexGuard<'_, Hand> {
        self.shared.0.lock().unwrap()
    }

    /// Holds the model before its next step.
    pub(crate) fn hold(&self) {
        let mut hand = self.hand();
        hand.allowed = Some(hand.steps.len());
    }

    /// Lets it do so many steps more.
    pub(crate) fn allow(&self, steps: usize) {
        let mut hand = self.hand();
        hand.allowed = hand.allowed.map(|allowed| allowed + steps);
        self.shared.1.notify_all();
    }

    /// Lets it go on for good.
    pub(crate) fn open(&self) {
        self.hand().allowed = None;
        self.shared.1.notify_all();
    }

    /// Whether the model has been dropped.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Waits until so many steps were begun; the last of them may be held.
    pub(crate) fn begun(&self, steps: usize) {
        self.until(|hand| hand.steps.len() >= steps);
    }

    /// Waits for something that must come.
    pub(crate) fn until(&self, happened: impl Fn(&Hand) -> bool) {
        let waiting = |hand: &mut Hand| !happened(hand);
        let limit = Duration::from_secs(30);
        let (_hand, wait) = self
            .shared
            .1
            .wait_timeout_while(self.hand(), limit, waiting)
            .unwrap();
        assert!(!wait.timed_out(), "it did not happen");
    }

    /// In a step, on the model's thread.
    fn begin(&self, rows: &[Row<'_>]) -> Option<Fault> {
        let mut hand = self.hand();
        let number = hand.steps.len();
        hand.steps.push(rows.iter().map(seen).collect());
        self.shared.1.notify_all();
        let held = |hand: &mut Hand| hand.allowed.is_some_and(|allowed| number >= allowed);
        let hand = self.shared.1.wait_while(hand, held).unwrap();
        hand.faults.get(&number).copied()
    }
}

fn mixed(next: &Next) -> Next {
    match next {
        Next::Scored(scored) => Next::Token(scored.token.id.into()),
        _ => Next::Scored(Scored {
            token: Probable {
                id: 2,
                logprob: 0.0,
                rank: 1,
            },
            top: Vec::new(),
        }),
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

pub(crate) struct Toy {
    spec: Spec,
    brain: Brain,
    control: Control,
    /// The token and the position that were last written to each slot.
    cache: Vec<(TokenId, usize)>,
    sampler: Sampler,
}

/// What a launch leaves for the collection.
pub(crate) struct Ticket {
    next: Vec<Next>,
    fault: Option<Fault>,
}

impl Toy {
    pub(crate) fn new(spec: Spec, brain: Brain, control: Control) -> Self {
        Self {
            cache: vec![(0, usize::MAX); spec.kv_tokens()],
            spec,
            brain,
            control,
            sampler: Sampler::new(),
        }
    }

    fn slot(&self, row: &Row<'_>, position: usize) -> usize {
        let block = row.blocks[position / self.spec.block_size] as usize;
        block * self.spec.block_size + position % self.spec.block_size
    }

    /// Writes the row's tokens, reads everything back, and chooses where asked.
    fn forward(&mut self, row: &Row<'_>, next: &mut Vec<Next>) {
        for (position, &token) in (row.start..).zip(row.tokens) {
            let slot = self.slot(row, position);
            self.cache[slot] = (token, position);
        }
        for (index, task) in row.tasks() {
            let read = (0..=row.start + index).map(|p| self.cache[self.slot(row, p)]);
            let (tokens, positions): (Vec<_>, Vec<_>) = read.unzip();
            assert!(
                positions.iter().copied().eq(0..tokens.len()),
                "{positions:?}"
            );
            next.push(self.sampler.perform(&mut (self.brain)(&tokens), &task));
        }
    }

    /// Nothing in the cache is of use to anybody any more.
    fn scramble(&mut self) {
        self.cache.fill((0, usize::MAX));
    }
}

impl Model for Toy {
    type Ticket = Ticket;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Ticket, ModelError> {
        let fault = self.control.begin(batch.rows);
        let mut next = Vec::new();
        for row in batch.rows {
            self.forward(row, &mut next);
        }
        match fault {
            Some(Fault::PanicInLaunch) => panic!("launch panics"),
            Some(Fault::ErrorInLaunch) => return Err(ModelError::new("launch fails")),
            Some(Fault::OneTooFew) => drop(next.pop()),
            Some(Fault::OneTooMany) => next.push(Next::Token(2.into())),
            Some(Fault::IdOutsideVocabulary) => {
                next[0] = Next::Token((VOCABULARY as TokenId).into());
            }
            Some(Fault::NotANumber(row)) => next[row] = Next::NoFiniteLogit,
            Some(Fault::Mixed) => next[0] = mixed(&next[0]),
            Some(Fault::Unscored) => next.iter_mut().for_each(|next| {
                if let Next::Token(chosen) = next {
                    chosen.scored = None;
                }
            }),
            _ => {}
        }
        Ok(Ticket { next, fault })
    }

    fn collect(&mut self, ticket: Ticket, next: &mut Vec<Next>) -> Result<(), ModelError> {
        match ticket.fault {
            Some(Fault::PanicInCollect) => panic!("collect panics"),
            Some(Fault::ErrorInCollect) => return Err(ModelError::new("collect fails")),
            _ => next.extend(ticket.next),
        }
        Ok(())
    }

    fn release(&mut self, sequence: SequenceId) {
        self.control.hand().released.push(sequence);
        self.control.shared.1.notify_all();
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.scramble();
        let mut hand = self.control.hand();
        hand.resets += 1;
        match hand.reset_fails {
            true => Err(ModelError::new("reset fails")),
            false => Ok(()),
        }
    }
}
