//! Where the end of a sequence has stood before.

use std::collections::HashMap;

use stream_core::TokenId;

/// Tokens that must be the same at the least.
const SHORTEST: usize = 2;
/// More tokens than this need not be the same.
const LONGEST: usize = 8;
/// So many of the newest places are looked at.
const MOST_TRIED: usize = 16;

/// The places of every pair of neighbouring tokens in a sequence that only grows.
///
/// The places of one pair are a chain, newest first, as in a compressor's search for matches
/// (RFC 1951, section 4). It takes about 40 bytes a token, no more than the context has tokens.
#[derive(Debug, Default)]
pub(crate) struct NgramIndex {
    /// The newest place of each pair: the position of its second token.
    newest: HashMap<[TokenId; SHORTEST], u32>,
    /// For the pair that ends at each position after the first, its place before.
    before: Vec<Option<u32>>,
}

impl NgramIndex {
    /// Guesses at most `most` tokens that follow `tokens`, and appends them to `draft`: those
    /// that followed the longest earlier occurrence of the last tokens, of equally long ones the
    /// newest. If they reach to the end of `tokens`, the draft itself goes on in their place.
    /// Nothing, if not even the last two have stood there before.
    ///
    /// `tokens` begins with what it was at the last call.
    pub(crate) fn draft(&mut self, tokens: &[TokenId], most: usize, draft: &mut Vec<TokenId>) {
        self.read(tokens);
        let Some(place) = self.find(tokens) else {
            return;
        };
        let first = draft.len();
        for next in place + 1..place + 1 + most {
            let copied = tokens.get(next).copied();
            draft.push(copied.unwrap_or_else(|| draft[first + next - tokens.len()]));
        }
    }

    /// Takes up every pair but the last, which is the one that is looked for.
    fn read(&mut self, tokens: &[TokenId]) {
        let known = self.before.len();
        let pairs = tokens.windows(SHORTEST).enumerate().skip(known);
        for (i, pair) in pairs.take(tokens.len().saturating_sub(SHORTEST + known)) {
            let end = (i + SHORTEST - 1) as u32;
            self.before
                .push(self.newest.insert([pair[0], pair[1]], end));
        }
    }

    /// The position of the last token of the best occurrence.
    fn find(&self, tokens: &[TokenId]) -> Option<usize> {
        let pair = tokens.last_chunk::<SHORTEST>()?;
        let newest = self.newest.get(pair).copied();
        let before = |&place: &u32| self.before[place as usize + 1 - SHORTEST];
        let places = std::iter::successors(newest, before).take(MOST_TRIED);
        let mut best = None;
        for place in places.map(|place| place as usize) {
            let length = common_end(&tokens[..=place], tokens);
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, place));
            }
            if length == LONGEST {
                break;
            }
        }
        best.map(|(_, place)| place)
    }
}

/// How many last tokens of both are the same, as far as they are looked at.
fn common_end(a: &[TokenId], b: &[TokenId]) -> usize {
    let pairs = a.iter().rev().zip(b.iter().rev()).take(LONGEST);
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(tokens: &[TokenId], most: usize) -> Vec<TokenId> {
        let mut draft = Vec::new();
        NgramIndex::default().draft(tokens, most, &mut draft);
        draft
    }

    #[test]
    fn what_followed_before_is_drafted() {
        for (tokens, expected) in [
            (&[1, 2, 3, 4, 5, 1, 2][..], &[3, 4, 5][..]),
            // The newest of two places that are as good, and the longest of all.
            (&[1, 2, 3, 1, 2, 4, 1, 2], &[4, 1, 2]),
            (&[9, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2], &[3, 8, 1]),
            // The end of the sequence goes on with the draft.
            (&[7, 7, 7], &[7, 7, 7]),
            (&[5, 6, 5, 6], &[5, 6, 5]),
            (&[1, 2, 3, 4], &[]),
            (&[1, 1], &[]),
            (&[1], &[]),
            (&[], &[]),
        ] {
            assert_eq!(draft(tokens, 3), expected, "{tokens:?}");
        }
    }

    /// The same by looking everywhere.
    fn naive(tokens: &[TokenId], most: usize) -> Vec<TokenId> {
        let same = |place: usize, n: usize| tokens[..=place].ends_with(&tokens[tokens.len() - n..]);
        let mut places: Vec<usize> = (1..tokens.len().saturating_sub(1))
            .filter(|&place| same(place, SHORTEST))
            .collect();
        places.reverse();
        places.truncate(MOST_TRIED);
        let length =
            |&place: &usize| (SHORTEST..=LONGEST.min(place + 1)).rfind(|&n| same(place, n));
        // Of equal ones, the last: the oldest is first.
        let Some(&best) = places.iter().rev().max_by_key(|place| length(place)) else {
            return Vec::new();
        };
        let mut all = tokens.to_vec();
        (0..most).for_each(|i| all.push(all[best + 1 + i]));
        all.split_off(tokens.len())
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_whole_search_finds(
            tokens in prop::collection::vec(0..4u32, 0..120),
            steps in prop::collection::vec(1..9usize, 0..40),
            most in 1..9usize,
        ) {
            let (mut index, mut length) = (NgramIndex::default(), 0);
            for step in steps {
                length = (length + step).min(tokens.len());
                let mut found = Vec::new();
                index.draft(&tokens[..length], most, &mut found);
                prop_assert_eq!(found, naive(&tokens[..length], most));
            }
        }
    }
}
