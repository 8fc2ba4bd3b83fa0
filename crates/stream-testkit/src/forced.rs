//! Answers that are known before they are made.
//!
//! A bias of 100 lets no other token be chosen than those that have it, and forbidden sequences
//! leave one way through them: each is followed by the next, and the last by the first. Only
//! where the answer begins is the model's choice.

use stream_core::{
    Backend, RequestBuilder, Sampling, SamplingBuilder, Support, TokenId, Tokenizer,
};

use crate::ask::{Answer, question};
use crate::verdict::ensure;
use crate::{Broken, Ground};

/// Texts, divided into tokens: letters, an emoji in four bytes, a CJK character in three and in
/// two and one, a family with zero-width joiners cut inside its members, letters whose decoding
/// gets shorter with the second token, bytes that never belong to a character, and a character
/// that something else follows before it is complete.
const DIVIDED: [&[&[u8]]; 9] = [
    &[b"a", b"b", b"c", b"d", b"e", b"f", b"g"],
    &[b"\xF0", b"\x9F", b"\x99", b"\x82"],
    &[b"\xE6", b"\xB0", b"\xB4", b"a"],
    &[b"\xE6\xB0", b"\xB4", b"b"],
    &[b"\xF0\x9F\x91\xA9\xE2\x80", b"\x8D\xF0\x9F\x91", b"\xA7"],
    &[b"\xC3", b"\xA9", b"e\xCC", b"\x81"],
    &[b"a", b"\xFF", b"b", b"\xC0\xAF"],
    &[b"a", b"\xF0", b"\x9F", b"b"],
    &[b" \xE6\xB0\xB4a\xC3", b"\xA9", b"c"],
];

/// The tokens of an answer that can be forced.
#[derive(Debug, Clone)]
pub(crate) struct Forced {
    pub(crate) ids: Vec<TokenId>,
}

/// Every answer that can be forced from a backend, the one of letters first.
pub(crate) fn forced(backend: &dyn Backend, ground: &Ground) -> Vec<Forced> {
    let can = &backend.info().capabilities;
    let needed = [
        can.sampling,
        can.logit_bias,
        can.bad_words,
        can.token_ids,
        can.stop_ids,
    ];
    match &ground.tokenizer {
        Some(tokenizer) if !needed.contains(&Support::Unsupported) => {
            let divided = DIVIDED.iter();
            divided
                .filter_map(|parts| of(&**tokenizer, parts))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// If the tokenizer has a token for each part.
fn of(tokenizer: &dyn Tokenizer, parts: &[&[u8]]) -> Option<Forced> {
    let all = 0..tokenizer.vocabulary_size() as TokenId;
    let id = |part: &&[u8]| {
        all.clone()
            .find(|&id| tokenizer.token_bytes(id) == Some(part))
    };
    let ids: Option<Vec<_>> = parts.iter().map(id).collect();
    Some(Forced { ids: ids? })
}

impl Forced {
    /// A request for this answer, going on from its beginning again and again.
    pub(crate) fn question(
        &self,
        backend: &dyn Backend,
        ground: &Ground,
        tokens: usize,
    ) -> RequestBuilder {
        let biased = self
            .ids
            .iter()
            .fold(Sampling::builder().temperature(0.0), |sampling, &id| {
                sampling.logit_bias(id, 100.0)
            });
        let forbidden = self.ids.iter().enumerate().flat_map(|(place, &id)| {
            let next = self.ids[(place + 1) % self.ids.len()];
            let others = self.ids.iter().filter(move |&&other| other != next);
            others.map(move |&other| [id, other])
        });
        let sampling = forbidden.fold(biased, SamplingBuilder::bad_token_sequence);
        question(backend, ground, 0)
            .max_tokens(tokens)
            .sampling(sampling.build().expect("few and in range"))
    }

    /// Whether an answer is this one.
    pub(crate) fn check(&self, answer: &Answer) -> Result<(), Broken> {
        let place = |id: &TokenId| self.ids.iter().position(|known| known == id);
        let follows = |pair: &[TokenId]| {
            let places = (place(&pair[0]), place(&pair[1]));
            matches!(places, (Some(first), Some(next)) if next == (first + 1) % self.ids.len())
        };
        ensure!(
            answer.ids.windows(2).all(follows)
                && answer.ids.first().is_none_or(|id| place(id).is_some()),
            "with a bias of 100 on {:?} in this order alone came {:?}",
            self.ids,
            answer.ids
        );
        Ok(())
    }
}
