//! What a model is asked to do in a step.

use std::ops::Range;

use stream_core::{Mirostat, Sampling, TokenId};

use super::{BlockId, SequenceId};
use crate::grammar::PendingMask;
use crate::sample::{DrawKey, TokenCounts};

/// The work of one step: sequences that decode and sequences that prefill, side by side.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// At most [`Spec::max_rows`](super::Spec::max_rows), with at most [`Spec::max_tokens`](super::Spec::max_tokens) input tokens in all.
    pub rows: &'a [Row<'a>],
}

impl<'a> Batch<'a> {
    /// Every task of the batch: the index of the token that its logits follow, counted over the
    /// tokens of all rows, and the task. The order is that of the [`Next`](super::Next)s.
    pub fn tasks(&self) -> impl Iterator<Item = (usize, Task<'a>)> + use<'a> {
        let firsts = self.rows.iter().scan(0, |end, row| {
            let first = *end;
            *end += row.tokens.len();
            Some((first, row))
        });
        firsts.flat_map(|(first, row)| row.tasks().map(move |(token, task)| (first + token, task)))
    }
}

/// One sequence's part of a step.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Whose tokens these are.
    pub sequence: SequenceId,
    /// The blocks of the whole sequence: position `p` lies in `blocks[p / block_size]` at
    /// `p % block_size`. They reach to the row's last token at least. Where blocks are
    /// [shared](super::Spec::shares_blocks), others may read the full ones before `start`, and
    /// from one step to the next one of these may give its place to another that holds the same.
    pub blocks: &'a [BlockId],
    /// Position of the first input token; everything before it is in the cache.
    pub start: usize,
    /// The input tokens, at least one.
    pub tokens: &'a [TokenId],
    /// After which of `tokens` logits are needed, as a range of indices into it: empty while a
    /// prompt is only read, the last one to decode. What to do there, [`Row::tasks`] says.
    pub sample: Range<usize>,
    /// Tokens that follow the first positions of `sample`: these are scored. At the rest, one at
    /// most in a row that has any, a token is chosen.
    ///
    /// Without given tokens there may be several positions to choose at: the tokens after the
    /// first of them are a draft, a guess at what the model will choose. It chooses at each as if
    /// the row ended there, from logits that do not depend on the tokens behind; the loop keeps
    /// the choices up to the first that the draft did not foresee, and what stands in the cache
    /// behind it is written again later. A model whose
    /// [`Spec::step_overhead`](super::Spec::step_overhead) is 0 is spared drafts.
    pub given: Given<'a>,
    /// How to choose at the first position where a token is chosen. It holds for each further
    /// too, but that the draw's position grows by one.
    pub choice: Choice<'a>,
}

impl<'a> Row<'a> {
    /// What to do with the logits at each position of [`sample`](Self::sample): the index of the
    /// token that they follow, and the task. A model gives one
    /// [`Next`](super::Next) for each, in this order.
    pub fn tasks(&self) -> impl Iterator<Item = (usize, Task<'a>)> + use<'a> {
        let (given, choice) = (self.given, self.choice);
        let task = move |number: usize| match given.tokens.get(number) {
            Some(&token) => Task::Score {
                token,
                top: given.top,
                usable: choice.usable,
            },
            None => {
                let further = (number - given.tokens.len()) as u64;
                let key = choice.key.at(choice.key.position + further);
                Task::Choose(Choice { key, ..choice })
            }
        };
        self.sample
            .clone()
            .enumerate()
            .map(move |(number, index)| (index, task(number)))
    }
}

/// Tokens that are not chosen but known, and are scored: those of a prompt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The tokens.
    pub tokens: &'a [TokenId],
    /// How many of the most probable tokens to report with each.
    pub top: usize,
}

/// What to do with one row of logits; [`Sampler::perform`](crate::sample::Sampler::perform) does
/// it.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Choose a token.
    Choose(Choice<'a>),
    /// Say how probable a token is.
    Score {
        /// The token.
        token: TokenId,
        /// How many of the most probable tokens to report with it.
        top: usize,
        /// As [`Choice::usable`].
        usable: usize,
    },
}

/// How one token is chosen from its logits.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// The request's parameters.
    pub sampling: &'a Sampling,
    /// Makes the draw the same in every batch.
    pub key: DrawKey,
    /// The tokens so far, for penalties; empty where the request has none.
    pub history: &'a TokenCounts,
    /// Ids that must not be chosen.
    pub banned: &'a [TokenId],
    /// The only ids that may be chosen, where the answer must match a grammar.
    /// [`PendingMask::wait`] for it when the logits are there; if it gives nothing, nothing may
    /// be chosen: [`Next::NoFiniteLogit`](super::Next::NoFiniteLogit).
    pub mask: Option<&'a PendingMask>,
    /// What DRY takes from the logits of some ids; each id once.
    pub dry: &'a [(TokenId, f32)],
    /// Mirostat's bound on surprise; of no meaning without mirostat.
    pub mu: f32,
    /// Only ids under this exist: a model's logits may be wider than its tokenizer's vocabulary.
    pub usable: usize,
    /// How many of the most probable tokens to report with the chosen one; `None` reports
    /// nothing.
    pub logprobs: Option<usize>,
}

impl<'a> Choice<'a> {
    /// A choice by these parameters alone: nothing came before and nothing is banned.
    pub fn new(sampling: &'a Sampling) -> Self {
        static NOTHING: TokenCounts = TokenCounts::new();
        Self {
            sampling,
            key: DrawKey::default(),
            history: &NOTHING,
            banned: &[],
            mask: None,
            dry: &[],
            mu: sampling.mirostat().map_or(0.0, Mirostat::first_bound),
            usable: usize::MAX,
            logprobs: None,
        }
    }
}
