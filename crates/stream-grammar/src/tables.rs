//! The tokenizer's bytes, as llguidance wants them.

use std::sync::Arc;

use llguidance::ParserFactory;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use stream_core::{TokenId, Tokenizer};

use crate::{limits, message};

/// No byte of UTF-8; llguidance marks special tokens with it.
const MARK: u8 = 0xFF;

/// A factory of parsers for a tokenizer.
///
/// The tokens of the trie are those that add text. A special token, one that ends an answer, and
/// one that no text can hold get no bytes there, so that nothing allows them. In place of the
/// end tokens stands an id of llguidance's own, one past the vocabulary: what ends an answer is
/// the loop's business.
pub(crate) fn factory(tokenizer: &dyn Tokenizer) -> Result<ParserFactory, String> {
    let size = tokenizer.vocabulary_size();
    let end = u32::try_from(size).map_err(|_| "the vocabulary is too large".to_owned())?;
    let bytes = |id: TokenId| match tokenizer.end_ids().contains(&id) {
        true => &[],
        false => tokenizer.token_bytes(id).unwrap_or_default(),
    };
    let text = |id| Some(bytes(id)).filter(|bytes| !bytes.contains(&MARK));
    let mut words: Vec<_> = (0..end)
        .map(|id| text(id).unwrap_or_default().to_vec())
        .collect();
    words.push(Vec::new());
    let trie = TokTrie::from(&TokRxInfo::new(end + 1, end), &words);
    let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
    let mut factory = ParserFactory::new_simple(&env).map_err(message::of)?;
    factory.quiet();
    *factory.limits_mut() = limits::of_parser();
    Ok(factory)
}
