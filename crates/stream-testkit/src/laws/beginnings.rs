//! What a backend may have kept of earlier requests.

use stream_core::{Backend, Support};

use crate::ask::{ask, of_ids, question, same};
use crate::verdict::applies;
use crate::{Ground, Kept, Verdict};

/// Prompts of these lengths, around the ends of blocks of any common size.
const LENGTHS: [usize; 9] = [1, 4, 5, 8, 16, 17, 32, 33, 65];
/// Tokens of each answer.
const ANSWER: usize = 4;

/// An answer is the same whether the beginning of its prompt was asked before or not: when a
/// prompt comes again, when one goes on from another, and when the cache is passed over because
/// the prompt's own log-probabilities are asked for.
///
/// # Errors
/// How the law was broken.
pub async fn a_known_beginning_changes_nothing(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let can = &backend.info().capabilities;
    applies!(can.token_prompts, "it takes no prompts of ids");
    applies!(can.sampling, "it cannot be asked for greedy answers");
    let context = backend.info().limits.context_length.unwrap_or(usize::MAX);
    let fits = |length: &&usize| **length + ANSWER < context;
    // Tokens that the model says itself are tokens that it can go on from.
    let said = ask(backend, question(backend, ground, 0)).await?.ids;
    if said.is_empty() {
        return Ok(Kept::Skipped("it tells no ids"));
    }
    let request = |length| {
        let ids: Vec<_> = said.iter().copied().cycle().take(length).collect();
        of_ids(backend, ground, ids).max_tokens(ANSWER)
    };
    let mut first = Vec::new();
    for &length in LENGTHS.iter().rev().filter(fits) {
        first.push((length, ask(backend, request(length)).await?));
    }
    // Now from the shortest on: each is known, and is the beginning of the next.
    for (length, first) in first.iter().rev() {
        let again = ask(backend, request(*length)).await?;
        same(backend, &again, first)?;
        if can.prompt_logprobs != Support::Unsupported {
            let anew = request(*length).prompt_logprobs(0);
            same(backend, &ask(backend, anew).await?, first)?;
        }
    }
    Ok(Kept::Checked)
}
