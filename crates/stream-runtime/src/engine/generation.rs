//! One answer, as the model's thread knows it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::task::{Context, Poll};

use stream_core::{Enrolled, FinishReason, Gate, Permit, Request, TokenId, TokenSink, Tokenizer};

use super::inbox::Arrival;
use crate::sample::{DrawKey, TokenCounts};
use crate::schedule::Work;
use crate::{BlockId, Choice, Row};

/// Ids that mean the same to every answer.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// They end an answer.
    end_ids: Vec<TokenId>,
    /// The model has logits for them and the tokenizer no bytes: they are never chosen.
    padding: Vec<TokenId>,
}

impl Vocabulary {
    /// The ids of a model that has logits for `size` of them.
    pub(super) fn new(tokenizer: &dyn Tokenizer, size: usize) -> Self {
        let end_ids = tokenizer.end_ids().to_vec();
        let unknown = |id: &TokenId| tokenizer.token_bytes(*id).is_none() && !end_ids.contains(id);
        Self {
            padding: (0..size as TokenId).filter(unknown).collect(),
            end_ids,
        }
    }
}

/// An accepted request with its tokens.
#[derive(Debug)]
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
    /// Empty without penalties.
    history: TokenCounts,
    seed: u64,
    /// What must not be chosen before `min_tokens` are made.
    banned_at_first: Vec<TokenId>,
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
        let sampling = arrival.request.sampling();
        let mut history = TokenCounts::default();
        if sampling.has_penalties() {
            history.record_prompt(&arrival.prompt);
        }
        let this = Self {
            gate: arrival.sink.gate(),
            place: arrival.place,
            permit: None,
            prompt: arrival.prompt.len(),
            tokens: arrival.prompt,
            max_tokens: arrival.max_tokens,
            history,
            seed: sampling.seed().unwrap_or_else(random),
            banned_at_first: banned_at_first(&arrival.request, vocabulary),
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

    /// Tokens of the answer until now.
    pub(super) fn answered(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Sees to it that there is a permit for the next token, or that `cx` is woken when there
    /// can be one.
    pub(super) fn reserve(&mut self, cx: &mut Context<'_>) -> Room {
        if self.gate.is_closed() {
            return Room::Closed;
        }
        if self.permit.is_none() {
            match self.gate.poll_reserve(cx) {
                Poll::Ready(Ok(permit)) => self.permit = Some(permit),
                Poll::Ready(Err(_)) => return Room::Closed,
                Poll::Pending => return Room::No,
            }
        }
        Room::Yes
    }

    /// Tells the stream once that its time in the queue is over.
    pub(super) fn enter_step(&mut self) {
        if !self.scheduled {
            self.gate.scheduled();
            self.scheduled = true;
        }
    }

    /// This answer's part of a step.
    pub(super) fn row<'a>(&'a self, work: &Work, blocks: &'a [BlockId]) -> Row<'a> {
        let tokens = &self.tokens[work.positions.clone()];
        Row {
            sequence: work.sequence,
            blocks,
            start: work.positions.start,
            tokens,
            sample: match work.sample {
                true => tokens.len() - 1..tokens.len(),
                false => 0..0,
            },
            choice: self.choice(),
        }
    }

    fn choice(&self) -> Choice<'_> {
        let answered = self.answered();
        Choice {
            sampling: self.request.sampling(),
            key: DrawKey {
                seed: self.seed,
                choice: 0,
                position: answered as u64,
            },
            history: &self.history,
            banned: match answered < self.request.stop().min_tokens() {
                true => &self.banned_at_first,
                false => &self.vocabulary.padding,
            },
        }
    }

    /// Takes the next token, and says if it is the last one. It goes out with this permit.
    pub(super) fn push(&mut self, id: TokenId) -> (Option<Permit>, Option<FinishReason>) {
        self.tokens.push(id);
        if self.request.sampling().has_penalties() {
            self.history.record_answer(id);
        }
        (self.permit.take(), self.end(id))
    }

    /// A stop string may end it too: that is seen where text is made.
    fn end(&self, id: TokenId) -> Option<FinishReason> {
        let stop = self.request.stop();
        if !stop.ignore_eos() && self.vocabulary.end_ids.contains(&id) {
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

fn banned_at_first(request: &Request, vocabulary: &Vocabulary) -> Vec<TokenId> {
    let stop = request.stop();
    if stop.min_tokens() == 0 {
        return Vec::new();
    }
    let end_ids = match stop.ignore_eos() {
        true => &[],
        false => &*vocabulary.end_ids,
    };
    [&vocabulary.padding, stop.ids(), end_ids].concat()
}

/// A seed for a request that names none: the standard library keys its hashers from the
/// system's random numbers.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
