//! What stands before and after a text.

use stream_core::TokenId;
use tokenizers::Tokenizer as Encoder;

use super::super::Frame;
use super::super::special::SpecialTokens;
use super::broken;
use super::config::Config;
use crate::error::Fault;

/// Texts of which every vocabulary can encode one.
const PROBES: [&str; 4] = ["a", "0", ".", " "];

/// What the post-processor of `tokenizer.json` puts around a text. Where
/// `tokenizer_config.json` says `add_bos_token` or `add_eos_token`, that decides, as in
/// transformers 4 for the Llama tokenizers and in llama.cpp's conversion. (Transformers 5 passes
/// the two by; files in which they contradict the post-processor are rare.)
pub(super) fn read(
    encoder: &Encoder,
    config: &Config,
    special: &SpecialTokens,
) -> Result<Frame, Fault> {
    let (mut before, mut after) = post_processed(encoder)?;
    if let (Some(add), Some(bos)) = (config.add_bos, special.bos) {
        before.retain(|id| *id != bos);
        before.splice(0..0, add.then_some(bos));
    }
    if let (Some(add), Some(eos)) = (config.add_eos, special.eos) {
        after.retain(|id| *id != eos);
        after.extend(add.then_some(eos));
    }
    Ok(Frame {
        before,
        after,
        chat_bos_once: None,
    })
}

/// The ids before and after those of a text.
fn post_processed(encoder: &Encoder) -> Result<(Vec<TokenId>, Vec<TokenId>), Fault> {
    for probe in PROBES {
        let (inner, whole) = (ids(encoder, probe, false)?, ids(encoder, probe, true)?);
        if inner.is_empty() {
            continue;
        }
        let place = whole.windows(inner.len()).position(|part| part == inner);
        let begin = place.ok_or_else(|| broken("the post-processor changes the text's ids"))?;
        let end = begin + inner.len();
        let (before, after) = (&whole[..begin], &whole[end..]);
        known(encoder, before.iter().chain(after))?;
        return Ok((before.to_vec(), after.to_vec()));
    }
    Err(broken(&format!("none of {PROBES:?} can be encoded")))
}

/// The library believes the ids of a post-processor, whatever the vocabulary is.
fn known<'a>(encoder: &Encoder, mut ids: impl Iterator<Item = &'a TokenId>) -> Result<(), Fault> {
    match ids.find(|id| encoder.id_to_token(**id).is_none()) {
        None => Ok(()),
        Some(id) => Err(broken(&format!(
            "the post-processor puts the id {id} around a text, but no token has it"
        ))),
    }
}

fn ids(encoder: &Encoder, text: &str, special: bool) -> Result<Vec<TokenId>, Fault> {
    let encoding = encoder.encode_fast(text, special);
    let encoding = encoding.map_err(|error| broken(&error.to_string()))?;
    Ok(encoding.get_ids().to_vec())
}
