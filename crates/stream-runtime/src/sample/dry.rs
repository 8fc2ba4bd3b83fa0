//! DRY: which tokens would go on with something that was said before.

use std::collections::HashMap;

use stream_core::{Dry, TokenId};

/// What DRY takes from the logits, for a sequence of prompt and answer: each token that followed
/// an earlier occurrence of the sequence's end, with its penalty, ascending by id.
///
/// `breaks` says of each token of `tokens` whether a repetition does not reach over it. The
/// longest repetition for every place is found in linear time, by the Z algorithm on the
/// reversed sequence (Gusfield 1997, section 1.3).
pub fn dry_penalties(dry: &Dry, tokens: &[TokenId], breaks: &[bool]) -> Vec<(TokenId, f32)> {
    let seen = dry
        .range
        .map_or(tokens.len(), |range| range.min(tokens.len()));
    let reversed: Vec<_> = tokens.iter().rev().take(seen).copied().collect();
    let breaks: Vec<_> = breaks.iter().rev().take(seen).copied().collect();
    let unbroken = breaks.iter().take_while(|breaks| !**breaks).count();
    if unbroken < dry.allowed_length {
        return Vec::new();
    }
    let mut longest = HashMap::new();
    for (i, &length) in repetitions(&reversed).iter().enumerate().skip(1) {
        let length = length.min(unbroken);
        // What followed the earlier occurrence stands before it in the reversed sequence.
        if length >= dry.allowed_length && !breaks[i - 1] {
            let of_token = longest.entry(reversed[i - 1]).or_insert(0);
            *of_token = length.max(*of_token);
        }
    }
    let penalty = |length: usize| {
        let exponent = (length - dry.allowed_length) as f32;
        (dry.multiplier * dry.base.powf(exponent)).min(f32::MAX)
    };
    let mut penalties: Vec<_> = longest
        .into_iter()
        .map(|(id, m)| (id, penalty(m)))
        .collect();
    penalties.sort_unstable_by_key(|&(id, _)| id);
    penalties
}

/// For each place how many tokens from there on are those that the sequence begins with.
fn repetitions(sequence: &[TokenId]) -> Vec<usize> {
    let mut lengths = vec![0; sequence.len()];
    // The repetition that reaches furthest.
    let (mut start, mut end) = (0, 0);
    for i in 1..sequence.len() {
        let mut length = match i < end {
            true => lengths[i - start].min(end - i),
            false => 0,
        };
        while i + length < sequence.len() && sequence[length] == sequence[i + length] {
            length += 1;
        }
        lengths[i] = length;
        if i + length > end {
            (start, end) = (i, i + length);
        }
    }
    lengths
}

/// Finds the tokens that repetitions do not reach over: those in whose bytes a sequence breaker
/// ends, and those without bytes, which are special.
#[derive(Debug, Clone)]
pub struct SequenceBreakers {
    breakers: Vec<Vec<u8>>,
    /// The last bytes, in which a breaker may have begun.
    tail: Vec<u8>,
    longest: usize,
}

impl SequenceBreakers {
    /// For a new sequence.
    pub fn new(dry: &Dry) -> Self {
        let breakers = dry
            .sequence_breakers
            .iter()
            .map(|text| text.clone().into_bytes());
        let breakers: Vec<_> = breakers.collect();
        Self {
            longest: breakers.iter().map(Vec::len).max().unwrap_or(0),
            breakers,
            tail: Vec::new(),
        }
    }

    /// Whether the next token, which adds `bytes` to the text, breaks.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let before = self.tail.len();
        self.tail.extend_from_slice(bytes);
        let ends_here = |breaker: &Vec<u8>| {
            let from = (before + 1).saturating_sub(breaker.len());
            self.tail[from..]
                .windows(breaker.len())
                .any(|part| part == breaker)
        };
        let breaks = bytes.is_empty() || self.breakers.iter().any(ends_here);
        let kept = self.longest.saturating_sub(1).min(self.tail.len());
        self.tail.drain(..self.tail.len() - kept);
        breaks
    }
}
