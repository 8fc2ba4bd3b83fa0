//! Characters.

use stream_core::{Backend, Support};

use crate::ask::{Answer, ask, question};
use crate::forced::forced;
use crate::verdict::ensure;
use crate::{Broken, Ground, Kept, Verdict};

/// Wherever an answer is cut off, its text is what its ids decode to all at once: no character
/// is broken, none is lost, and U+FFFD stands only where the decoding has it.
///
/// # Errors
/// How the law was broken.
pub async fn characters_are_whole(backend: &dyn Backend, ground: &Ground) -> Verdict {
    if backend.info().capabilities.token_ids == Support::Unsupported || ground.decode.is_none() {
        return without_ids(backend, ground).await;
    }
    for number in 0..ground.prompts.len() {
        for tokens in 1..=8 {
            let request = question(backend, ground, number).max_tokens(tokens);
            check(&ask(backend, request).await?, ground)?;
        }
    }
    Ok(Kept::Checked)
}

/// Characters that tokens divide in every way that their tokenizer has are whole, wherever the
/// answer is cut off: an emoji and a CJK character byte by byte, a family with zero-width
/// joiners, bytes that never belong to a character, and text whose decoding gets shorter with a
/// token more.
///
/// # Errors
/// How the law was broken.
pub async fn divided_characters_are_whole(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let all = forced(backend, ground);
    if all.is_empty() {
        return Ok(Kept::Skipped("no answer can be forced from it"));
    }
    for forced in all {
        for tokens in 1..=forced.ids.len() + 1 {
            let answer = ask(backend, forced.question(backend, ground, tokens)).await?;
            forced.check(&answer)?;
            check(&answer, ground)?;
            let certain = answer.certain(ground);
            let mut early = certain.iter().zip(answer.prefixes());
            ensure!(
                early.all(|(certain, released)| released.len() >= certain.len()),
                "of what {:?} makes certain {:?} was released with each token",
                answer.ids,
                answer.prefixes().collect::<Vec<_>>()
            );
        }
    }
    Ok(Kept::Checked)
}

fn check(answer: &Answer, ground: &Ground) -> Result<(), Broken> {
    let expected = ground.decode.as_ref().map(|decode| decode(&answer.ids));
    ensure!(
        expected
            .as_ref()
            .is_none_or(|expected| *expected == answer.text),
        "{:?} was streamed as {:?}, but decodes to {expected:?}",
        answer.ids,
        answer.text
    );
    Ok(())
}

/// Where nothing can be decoded, a whole answer must at least hold no replacement character that
/// a longer one resolves.
async fn without_ids(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let whole = ask(backend, question(backend, ground, 0)).await?;
    let replaced = |record: &stream_core::StreamToken| record.text.contains('\u{FFFD}');
    let early = whole.records.iter().position(replaced);
    let last = whole.records.len().saturating_sub(1);
    ensure!(
        early.is_none_or(|early| early == last),
        "record {early:?} of {:?} holds a replacement character before the end",
        whole.records
    );
    Ok(Kept::Skipped(
        "no ids or no decoder: only looked for U+FFFD",
    ))
}
