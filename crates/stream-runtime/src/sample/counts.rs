//! What a sequence holds already.

use std::cmp::Reverse;

use stream_core::TokenId;

/// Which tokens a sequence holds, and how often its answer does. It grows with the tokens that
/// differ, not with the vocabulary; empty, it takes no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Ascending by id, each id once.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    id: TokenId,
    /// 0 for a token of the prompt alone.
    in_answer: u32,
}

impl TokenCounts {
    /// Nothing recorded.
    pub const fn new() -> Self {
        Self { seen: Vec::new() }
    }

    /// The prompt holds these tokens.
    pub fn record_prompt(&mut self, prompt: &[TokenId]) {
        self.seen
            .extend(prompt.iter().map(|&id| Seen { id, in_answer: 0 }));
        self.seen
            .sort_unstable_by_key(|s| (s.id, Reverse(s.in_answer)));
        self.seen.dedup_by_key(|s| s.id);
    }

    /// The answer holds this token once more.
    pub fn record_answer(&mut self, id: TokenId) {
        match self.find(id) {
            Ok(i) => self.seen[i].in_answer += 1,
            Err(i) => self.seen.insert(i, Seen { id, in_answer: 1 }),
        }
    }

    /// Whether prompt or answer hold the token.
    pub fn contains(&self, id: TokenId) -> bool {
        self.find(id).is_ok()
    }

    /// How often the answer holds the token.
    pub fn in_answer(&self, id: TokenId) -> u32 {
        self.find(id).map_or(0, |i| self.seen[i].in_answer)
    }

    /// Whether neither prompt nor answer were recorded.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Every token of prompt and answer, ascending, with how often the answer holds it.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, u32)> + '_ {
        self.seen.iter().map(|s| (s.id, s.in_answer))
    }

    fn find(&self, id: TokenId) -> Result<usize, usize> {
        self.seen.binary_search_by_key(&id, |s| s.id)
    }
}
