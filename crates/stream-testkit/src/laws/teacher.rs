//! Answers that may depend on the batch, checked where they must not.
//!
//! Two tokens that are nearly as probable may change places when sums are made in another order,
//! and everything after them is another text. So the answer that was made alone is given to the
//! backend as a prompt, in a batch, and each of its tokens is looked at by itself: where it was
//! clearly the most probable one alone, it must be the most probable one in the batch.

use futures::StreamExt;
use stream_core::{Backend, TokenId, TokenLogprobs, TokenStream};

use crate::ask::{Answer, ask, of_ids, question, read, start};
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// A choice is clear if the next best token is behind by more than this, in nats.
const CLEAR: f32 = 0.5;
/// So many answers are looked at, all at once.
const ANSWERS: usize = 4;

pub(super) async fn clear_choices_hold(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let can = &backend.info().capabilities;
    applies!(can.logprobs, "it tells no log-probabilities");
    applies!(can.prompt_logprobs, "it tells none of the prompt");
    applies!(can.token_prompts, "it takes no prompts of ids");
    applies!(can.token_ids, "it tells no ids");
    let mut alone = Vec::new();
    for number in 0..ANSWERS {
        let asked = of_ids(backend, ground, prompt(number));
        alone.push(ask(backend, asked.logprobs(2)).await?);
    }
    let beside = start(backend, question(backend, ground, 0).buffer(1))?;
    let given = |(number, answer): (usize, &Answer)| {
        let asked = [prompt(number), answer.ids.clone()].concat();
        let asked = of_ids(backend, ground, asked).max_tokens(1);
        start(backend, asked.prompt_logprobs(1))
    };
    let streams: Result<Vec<_>, _> = alone.iter().enumerate().map(given).collect();
    let mut clear = 0;
    for (number, stream) in streams?.into_iter().enumerate() {
        let scored = scores(stream).await?;
        let of_answer = scored.get(prompt(number).len() - 1..).unwrap_or_default();
        clear += check(&alone[number], of_answer)?;
    }
    read(beside).await?;
    match clear {
        0 => Ok(Kept::Skipped("none of its choices was clear")),
        _ => Ok(Kept::Checked),
    }
}

fn prompt(number: usize) -> Vec<TokenId> {
    let id = |i: usize| ((i * 7 + number) % 24 + 2) as TokenId;
    (0..6 + number).map(id).collect()
}

/// How probable each token of the prompt after the first is.
async fn scores(mut stream: TokenStream) -> Result<Vec<TokenLogprobs>, Broken> {
    while let Some(item) = stream.next().await {
        item.map_err(|error| Broken(format!("a stream ended badly: {error}")))?;
    }
    let scores = stream.prompt_logprobs().map(<[_]>::to_vec);
    scores.ok_or_else(|| Broken("no log-probabilities of a prompt came".into()))
}

/// How many choices were clear; each of them must hold.
fn check(alone: &Answer, together: &[TokenLogprobs]) -> Result<usize, Broken> {
    let reported = alone.records.iter().flat_map(|record| &record.logprobs);
    let mut clear = 0;
    ensure!(
        together.len() == alone.ids.len(),
        "{} tokens of a prompt were scored instead of {}",
        together.len(),
        alone.ids.len()
    );
    for (place, (alone, together)) in reported.zip(together).enumerate() {
        let [best, next, ..] = &alone.top[..] else {
            continue;
        };
        if best.logprob - next.logprob <= CLEAR {
            continue;
        }
        clear += 1;
        let first = together.top.first().and_then(|first| first.id);
        ensure!(
            first == best.id,
            "token {place} was clearly {:?} alone, and in a batch it is {first:?}",
            best.id
        );
    }
    Ok(clear)
}
