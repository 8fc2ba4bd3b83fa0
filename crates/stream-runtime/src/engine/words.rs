//! Texts of a request, turned into tokens and back.

use stream_core::{Prompt, Sampling, TokenId, TokenizeError, Tokenizer};

use crate::sample::BadWords;

/// The sequences of ids that a request's answer must not hold.
///
/// A bad word is tokenised as it is and with a space in front, because most vocabularies have
/// a token for a word inside a text and another for one at its beginning. The second one counts
/// if it begins with another token and is as long: else it says no more than the first (vLLM,
/// `SamplingParams.update_from_tokenizer`).
pub(super) fn bad_words(
    sampling: &Sampling,
    tokenizer: &dyn Tokenizer,
) -> Result<BadWords, TokenizeError> {
    let mut sequences = sampling.bad_token_sequences().to_vec();
    if sampling.bad_words().is_empty() {
        return Ok(BadWords::new(sequences));
    }
    let front = tokenizer.encode("")?;
    for word in sampling.bad_words() {
        let plain = without(&front, tokenizer.encode(word)?);
        let spaced = without(
            &front,
            tokenizer.encode(&format!(" {}", word.trim_start()))?,
        );
        if spaced.first() != plain.first() && spaced.len() == plain.len() {
            sequences.push(spaced);
        }
        sequences.push(plain);
    }
    sequences.retain(|sequence| !sequence.is_empty());
    Ok(BadWords::new(sequences))
}

/// The ids without those that the model wants in front of any text.
fn without(front: &[TokenId], ids: Vec<TokenId>) -> Vec<TokenId> {
    ids.strip_prefix(front)
        .map_or_else(|| ids.clone(), <[_]>::to_vec)
}

/// The text that an echo begins with.
pub(super) fn text_of(prompt: &Prompt, tokenizer: &dyn Tokenizer) -> String {
    match prompt {
        Prompt::Raw(text) => text.clone(),
        Prompt::Tokens(ids) => {
            let bytes = ids.iter().filter_map(|&id| tokenizer.token_bytes(id));
            String::from_utf8_lossy(&bytes.collect::<Vec<_>>().concat()).into_owned()
        }
        // Refused when the request is built.
        Prompt::Chat(_) | Prompt::Conversation(_) => String::new(),
    }
}
