//! What the next choice of an answer depends on, besides the logits.

use stream_core::{Dry, Mirostat, Request, Sampling, TokenId};

use super::vocabulary::Vocabulary;
use crate::Choice;
use crate::sample::{BadWords, SequenceBreakers, TokenCounts, dry_penalties};

/// The part of an answer's past that its sampling asks for. It outlives a preemption.
#[derive(Debug)]
pub(super) struct Memory {
    /// Empty without penalties.
    counts: TokenCounts,
    dry: Option<DryMemory>,
    bad_words: BadWords,
    /// Mirostat's bound.
    mu: f32,
    /// What must not be chosen before `min_tokens` are made.
    banned_at_first: Vec<TokenId>,
    /// For the next choice; of use only with bad words.
    banned: Vec<TokenId>,
    /// For the next choice.
    dry_penalties: Vec<(TokenId, f32)>,
}

/// Which tokens of prompt and answer a repetition does not reach over.
#[derive(Debug)]
struct DryMemory {
    breakers: SequenceBreakers,
    breaks: Vec<bool>,
}

impl Memory {
    /// For an answer to `prompt`.
    pub(super) fn new(
        request: &Request,
        prompt: &[TokenId],
        bad_words: BadWords,
        vocabulary: &Vocabulary,
    ) -> Self {
        let sampling = request.sampling();
        let mut counts = TokenCounts::default();
        if sampling.has_penalties() {
            counts.record_prompt(prompt);
        }
        Self {
            counts,
            dry: sampling
                .dry()
                .map(|dry| DryMemory::new(dry, prompt, vocabulary)),
            bad_words,
            mu: sampling.mirostat().map_or(0.0, Mirostat::first_bound),
            banned_at_first: banned_at_first(request, vocabulary),
            banned: Vec::new(),
            dry_penalties: Vec::new(),
        }
    }

    /// The answer goes on with a token.
    pub(super) fn record(&mut self, sampling: &Sampling, id: TokenId, vocabulary: &Vocabulary) {
        if sampling.has_penalties() {
            self.counts.record_answer(id);
        }
        if let Some(dry) = &mut self.dry {
            dry.push(vocabulary.bytes(id));
        }
    }

    pub(super) fn set_mu(&mut self, mu: f32) {
        self.mu = mu;
    }

    /// How many choices, from the next one on, are made alike whatever is chosen between them, so
    /// that one [`Choice`] holds for all. Penalties, DRY, mirostat and bad words depend on the
    /// tokens just before, and `min_tokens` on how many there are.
    pub(super) fn alike(&self, request: &Request, answered: usize) -> usize {
        let sampling = request.sampling();
        let free = !sampling.has_penalties()
            && self.dry.is_none()
            && sampling.mirostat().is_none()
            && self.bad_words.is_empty()
            && request.grammar().is_none();
        match request.stop().min_tokens().checked_sub(answered) {
            _ if !free => 1,
            None | Some(0) => usize::MAX,
            Some(before) => before,
        }
    }

    /// Works out what the next choice needs. `tokens` are those of prompt and answer, the first
    /// `prompt` of them the prompt's.
    pub(super) fn prepare(
        &mut self,
        request: &Request,
        tokens: &[TokenId],
        prompt: usize,
        vocabulary: &Vocabulary,
    ) {
        if let (Some(memory), Some(dry)) = (&self.dry, request.sampling().dry()) {
            self.dry_penalties = dry_penalties(dry, tokens, &memory.breaks);
        }
        if !self.bad_words.is_empty() {
            let answer = &tokens[prompt..];
            let mut banned = std::mem::take(&mut self.banned);
            banned.clear();
            banned.extend_from_slice(self.always_banned(request, answer.len(), vocabulary));
            banned.extend(self.bad_words.banned(answer));
            self.banned = banned;
        }
    }

    /// The next choice, after `answered` tokens of the answer; the draw's key and what to report
    /// are left open.
    pub(super) fn choice<'a>(
        &'a self,
        request: &'a Request,
        answered: usize,
        vocabulary: &'a Vocabulary,
    ) -> Choice<'a> {
        Choice {
            history: &self.counts,
            banned: match self.bad_words.is_empty() {
                true => self.always_banned(request, answered, vocabulary),
                false => &self.banned,
            },
            dry: &self.dry_penalties,
            mu: self.mu,
            usable: vocabulary.usable(),
            ..Choice::new(request.sampling())
        }
    }

    fn always_banned<'a>(
        &'a self,
        request: &Request,
        answered: usize,
        vocabulary: &'a Vocabulary,
    ) -> &'a [TokenId] {
        match answered < request.stop().min_tokens() {
            true => &self.banned_at_first,
            false => vocabulary.holes(),
        }
    }
}

impl DryMemory {
    fn new(dry: &Dry, prompt: &[TokenId], vocabulary: &Vocabulary) -> Self {
        let mut this = Self {
            breakers: SequenceBreakers::new(dry),
            breaks: Vec::with_capacity(prompt.len()),
        };
        prompt
            .iter()
            .for_each(|&id| this.push(vocabulary.bytes(id)));
        this
    }

    fn push(&mut self, bytes: &[u8]) {
        self.breaks.push(self.breakers.push(bytes));
    }
}

fn banned_at_first(request: &Request, vocabulary: &Vocabulary) -> Vec<TokenId> {
    let stop = request.stop();
    if stop.min_tokens() == 0 {
        return Vec::new();
    }
    let end_ids = match stop.ignore_eos() {
        true => &[],
        false => vocabulary.end_ids(),
    };
    [vocabulary.holes(), stop.ids(), end_ids].concat()
}
