//! Sets of token ids.

use stream_core::TokenId;

const BITS: usize = u32::BITS as usize;

/// A set of token ids, one bit for each: bit `id % 32` of word `id / 32`, the layout of
/// llguidance and XGrammar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenMask {
    words: Vec<u32>,
}

impl TokenMask {
    /// The empty set, with room for ids under `ids`.
    pub fn none(ids: usize) -> Self {
        Self {
            words: vec![0; ids.div_ceil(BITS)],
        }
    }

    /// From its words.
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// Takes an id in; the set makes room for it.
    pub fn allow(&mut self, id: TokenId) {
        let word = id as usize / BITS;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id as usize % BITS);
    }

    /// Whether the set holds the id.
    pub fn allows(&self, id: TokenId) -> bool {
        let word = self.words.get(id as usize / BITS);
        word.is_some_and(|word| word >> (id as usize % BITS) & 1 == 1)
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many ids the set holds.
    pub fn len(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        let words = self.words.iter().enumerate();
        words.flat_map(|(i, &word)| {
            let bits = (0..BITS).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| (i * BITS + bit) as TokenId)
        })
    }

    /// Drops what `other` does not hold.
    pub fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, other) in self.words.iter_mut().zip(others) {
            *word &= other;
        }
    }

    /// Makes the logits of all ids that the set does not hold −∞.
    pub fn apply(&self, logits: &mut [f32]) {
        let words = self.words.iter().copied().chain(std::iter::repeat(0));
        for (logits, word) in logits.chunks_mut(BITS).zip(words) {
            match word {
                0 => logits.fill(f32::NEG_INFINITY),
                u32::MAX => {}
                _ => forbid(logits, word),
            }
        }
    }
}

fn forbid(logits: &mut [f32], allowed: u32) {
    for (bit, logit) in logits.iter_mut().enumerate() {
        if allowed >> bit & 1 == 0 {
            *logit = f32::NEG_INFINITY;
        }
    }
}

impl FromIterator<TokenId> for TokenMask {
    fn from_iter<I: IntoIterator<Item = TokenId>>(ids: I) -> Self {
        let mut mask = Self::default();
        ids.into_iter().for_each(|id| mask.allow(id));
        mask
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_is_the_set_of_its_ids(
            ids in prop::collection::btree_set(0..200_u32, 0..60),
            others in prop::collection::btree_set(0..200_u32, 0..60),
            width in 0..220_usize,
        ) {
            let mask: TokenMask = ids.iter().copied().collect();
            prop_assert_eq!(mask.iter().collect::<Vec<_>>(), ids.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!((mask.len(), mask.is_empty()), (ids.len(), ids.is_empty()));
            let mut logits = vec![1.0; width];
            mask.apply(&mut logits);
            for (id, logit) in (0..).zip(logits) {
                prop_assert_eq!(mask.allows(id), ids.contains(&id));
                prop_assert_eq!(logit, if ids.contains(&id) { 1.0 } else { f32::NEG_INFINITY });
            }
            let mut both = mask;
            both.intersect(&others.iter().copied().collect());
            let expected: Vec<_> = ids.intersection(&others).copied().collect();
            prop_assert_eq!(both.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_set_makes_room() {
        let mut mask = TokenMask::none(33);
        assert!(mask.is_empty() && !mask.allows(TokenId::MAX));
        mask.allow(64);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [64]);
    }
}
