//! One answer, as the model's thread knows it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use stream_core::{
    Enrolled, Error, FinishReason, Gate, Permit, Request, ReserveError, TokenId, TokenSink,
};

use super::constraint::{Constraint, MaskQueue};
use super::draft::Drafter;
use super::inbox::Arrival;
use super::memory::Memory;
use super::trail::Trail;
use super::vocabulary::Vocabulary;
use crate::sample::DrawKey;
use crate::schedule::{Prefix, Work};
use crate::speculate::Worth;
use crate::{BlockId, Choice, Chosen, Given, Next, Row, Scored};

/// An accepted request with its tokens.
pub(super) struct Generation {
    request: Request,
    vocabulary: Arc<Vocabulary>,
    gate: Gate,
    place: Enrolled,
    /// Room for the next token.
    permit: Option<Permit>,
    /// Prompt and answer.
    tokens: Vec<TokenId>,
    prompt: usize,
    max_tokens: usize,
    memory: Memory,
    /// What the answer must match.
    constraint: Option<Constraint>,
    seed: u64,
    /// How probable the prompt's tokens after the first are, as far as they are scored; `None`
    /// if that is not asked for, or told already.
    scores: Option<Vec<Scored>>,
    /// Until it enters its first step.
    unscheduled: Option<Trail>,
    /// `None` if nothing is ever drafted.
    drafter: Option<Drafter>,
}

/// Whether a stream has room for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Yes,
    No,
    /// The stream has ended.
    Closed,
}

impl Generation {
    /// Parts an arrival from its sink and its trail, which are for the threads that make text.
    pub(super) fn begin(
        arrival: Arrival,
        vocabulary: &Arc<Vocabulary>,
        drafter: Option<Drafter>,
        masks: &MaskQueue,
    ) -> (Self, TokenSink, Trail) {
        let ends = vocabulary.ends(arrival.request.stop());
        let begin = |matcher| Constraint::begin(matcher, ends, masks);
        let this = Self {
            gate: arrival.sink.gate(),
            place: arrival.place,
            permit: None,
            prompt: arrival.prompt.len(),
            tokens: arrival.prompt,
            max_tokens: arrival.max_tokens,
            memory: arrival.memory,
            constraint: arrival.matcher.map(begin),
            seed: arrival.request.sampling().seed().unwrap_or_else(random),
            scores: arrival.request.prompt_logprobs().map(|_| Vec::new()),
            unscheduled: Some(arrival.trail.share()),
            drafter,
            vocabulary: vocabulary.clone(),
            request: arrival.request,
        };
        (this, arrival.sink, arrival.trail)
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Tokens of the prompt.
    pub(super) fn prompt_tokens(&self) -> usize {
        self.prompt
    }

    /// Prompt and answer until now.
    pub(super) fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// A prompt that is to be scored is computed at every position.
    pub(super) fn prefix(&self) -> Prefix {
        match self.scores {
            Some(_) => Prefix::Computed,
            None => Prefix::Reused,
        }
    }

    /// Tokens of the answer until now.
    pub(super) fn answered(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Sees to it that there is a permit for the next token, or that the waker that watches the
    /// stream is woken when there can be one.
    pub(super) fn reserve(&mut self) -> Room {
        if self.gate.is_closed() {
            return Room::Closed;
        }
        if self.permit.is_none() {
            match self.gate.try_reserve() {
                Ok(permit) => self.permit = Some(permit),
                Err(ReserveError::Full) => return Room::No,
                Err(ReserveError::Closed) => return Room::Closed,
            }
        }
        Room::Yes
    }

    /// Guesses what comes after the next token, as far as that is worth its time in the step and
    /// the stream has room. Returns how many tokens.
    pub(super) fn draft(&mut self, step: &Worth) -> usize {
        let answered = self.answered();
        let alike = self.memory.alike(&self.request, answered);
        // The last token is chosen and never read.
        let most = alike.min(self.max_tokens - answered) - 1;
        match &mut self.drafter {
            Some(drafter) if most > 0 => {
                drafter.draft(&self.tokens, answered, most, &self.gate, step)
            }
            _ => 0,
        }
    }

    /// The step has room for so many of the tokens that were drafted last.
    pub(super) fn keep_draft(&mut self, tokens: usize, step: &mut Worth) {
        if let Some(drafter) = &mut self.drafter {
            drafter.keep(tokens, step);
        }
    }

    /// The draft is not tried.
    pub(super) fn forget_draft(&mut self) {
        if let Some(drafter) = &mut self.drafter {
            drafter.forget();
        }
    }

    /// How many tokens of the step's draft were right: as many as the model chose itself.
    pub(super) fn accept(&mut self, work: &Work, outcomes: &[Next]) -> usize {
        let answered = self.answered();
        match &mut self.drafter {
            Some(drafter) if work.draft > 0 => drafter.accept(outcomes, answered),
            _ => 0,
        }
    }

    /// Tells the stream once that its time in the queue is over, and gets ready for a choice.
    pub(super) fn enter_step(&mut self, work: &Work) {
        if let Some(trail) = self.unscheduled.take() {
            self.gate.scheduled();
            self.gate.set_cached_tokens(work.positions.start);
            trail.scheduled();
        }
        if work.sample {
            let (tokens, vocabulary) = (&self.tokens, &*self.vocabulary);
            self.memory
                .prepare(&self.request, tokens, self.prompt, vocabulary);
        }
    }

    /// This answer's part of a step.
    pub(super) fn row<'a>(&'a self, work: &Work, blocks: &'a [BlockId]) -> Row<'a> {
        let Range { start, end } = work.positions;
        let scored = self.to_score(work);
        let tokens = match &self.drafter {
            Some(drafter) if work.draft > 0 => drafter.row(),
            _ => &self.tokens[start..end],
        };
        Row {
            sequence: work.sequence,
            blocks,
            start,
            tokens,
            sample: tokens.len() - self.outcomes(work)..tokens.len(),
            given: Given {
                tokens: &self.tokens[scored.start + 1..scored.end + 1],
                top: self.request.prompt_logprobs().unwrap_or(0),
            },
            choice: self.choice(),
        }
    }

    /// How many outcomes the row has: one for each token to be scored, the choice, and one for
    /// each token of the draft.
    pub(super) fn outcomes(&self, work: &Work) -> usize {
        self.to_score(work).len() + usize::from(work.sample) + work.draft
    }

    /// Positions of a step after which the prompt goes on with a token to be scored. They reach
    /// to the last position, or to the one before if a token is chosen there. A position that is
    /// computed again, after a preemption, is not scored again.
    fn to_score(&self, work: &Work) -> Range<usize> {
        let Some(scores) = &self.scores else {
            return 0..0;
        };
        let start = work.positions.start.max(scores.len());
        start..work.positions.end.min(self.prompt - 1).max(start)
    }

    fn choice(&self) -> Choice<'_> {
        let answered = self.answered();
        Choice {
            key: DrawKey {
                seed: self.seed,
                choice: self.request.choice(),
                position: answered as u64,
            },
            logprobs: self.request.logprobs(),
            mask: self.constraint.as_ref().map(Constraint::mask),
            ..self
                .memory
                .choice(&self.request, answered, &self.vocabulary)
        }
    }

    /// Keeps how probable the next token of the prompt is.
    pub(super) fn keep_score(&mut self, scored: Scored) {
        if let Some(scores) = &mut self.scores {
            scores.push(scored);
        }
    }

    /// How probable the prompt's tokens are, once: when all are scored.
    pub(super) fn take_scores(&mut self) -> Option<Vec<Scored>> {
        self.scores.take()
    }

    /// Takes the next token, and says if it is the last one. It goes out with this permit.
    pub(super) fn push(&mut self, chosen: &Chosen) -> (Option<Permit>, Option<FinishReason>) {
        let id = chosen.id;
        self.tokens.push(id);
        self.memory
            .record(self.request.sampling(), id, &self.vocabulary);
        self.memory.set_mu(chosen.mu);
        let end = self.end(id);
        if let (Some(constraint), None) = (&mut self.constraint, &end) {
            constraint.accept(id);
        }
        let next = self.drafter.as_mut().and_then(Drafter::next_permit);
        (std::mem::replace(&mut self.permit, next), end)
    }

    /// A stop string may end it too: that is seen where text is made.
    fn end(&self, id: TokenId) -> Option<FinishReason> {
        let stop = self.request.stop();
        if !stop.ignore_eos() && self.vocabulary.end_ids().contains(&id) {
            return Some(FinishReason::EndOfSequence);
        }
        if stop.ids().contains(&id) {
            return Some(FinishReason::StopToken(id));
        }
        (self.answered() >= self.max_tokens).then_some(FinishReason::Length)
    }

    /// How the answer ends where the model found nothing that may be chosen.
    pub(super) fn dead_end(&self) -> Result<FinishReason, Error> {
        let index = self.answered();
        let scores = self.scores.as_ref();
        let scoring = scores.is_some_and(|scores| scores.len() + 1 < self.prompt);
        let constraint = self.constraint.as_ref().filter(|_| !scoring);
        match constraint.and_then(|constraint| constraint.dead_end(self.choice().banned)) {
            None => Err(Error::Numerical { index }),
            Some(Err(message)) => Err(Error::Grammar { index, message }),
            Some(Ok(())) if index >= self.request.stop().min_tokens() => {
                Ok(FinishReason::EndOfSequence)
            }
            Some(Ok(())) => Err(Error::Grammar {
                index,
                message: "the text is complete before min_tokens are made".into(),
            }),
        }
    }

    /// It is over: gives back its place.
    pub(super) fn into_place(self) -> Enrolled {
        self.place
    }
}

/// A seed for a request that names none: the standard library keys its hashers from the
/// system's random numbers.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
