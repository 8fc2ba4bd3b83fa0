//! One answer, as the model's thread knows it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use stream_core::{
    Enrolled, FinishReason, Gate, Permit, Request, ReserveError, TokenId, TokenSink,
};

use super::inbox::Arrival;
use super::memory::Memory;
use super::vocabulary::Vocabulary;
use crate::sample::DrawKey;
use crate::schedule::{Prefix, Work};
use crate::{BlockId, Choice, Chosen, Given, Row, Scored};

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
    seed: u64,
    /// How probable the prompt's tokens after the first are, as far as they are scored; `None`
    /// if that is not asked for, or told already.
    scores: Option<Vec<Scored>>,
    scheduled: bool,
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
    /// Parts an arrival from its sink, which is for the threads that make text.
    pub(super) fn begin(arrival: Arrival, vocabulary: &Arc<Vocabulary>) -> (Self, TokenSink) {
        let this = Self {
            gate: arrival.sink.gate(),
            place: arrival.place,
            permit: None,
            prompt: arrival.prompt.len(),
            tokens: arrival.prompt,
            max_tokens: arrival.max_tokens,
            memory: arrival.memory,
            seed: arrival.request.sampling().seed().unwrap_or_else(random),
            scores: arrival.request.prompt_logprobs().map(|_| Vec::new()),
            scheduled: false,
            vocabulary: vocabulary.clone(),
            request: arrival.request,
        };
        (this, arrival.sink)
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

    /// Tells the stream once that its time in the queue is over, and gets ready for a choice.
    pub(super) fn enter_step(&mut self, work: &Work) {
        if !self.scheduled {
            self.gate.scheduled();
            self.scheduled = true;
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
        let first = end - self.outcomes(work);
        Row {
            sequence: work.sequence,
            blocks,
            start,
            tokens: &self.tokens[start..end],
            sample: first - start..end - start,
            given: Given {
                tokens: &self.tokens[scored.start + 1..scored.end + 1],
                top: self.request.prompt_logprobs().unwrap_or(0),
            },
            choice: self.choice(),
        }
    }

    /// How many outcomes the row has: one for each token to be scored, and the choice.
    pub(super) fn outcomes(&self, work: &Work) -> usize {
        self.to_score(work).len() + usize::from(work.sample)
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
        (self.permit.take(), self.end(id))
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
