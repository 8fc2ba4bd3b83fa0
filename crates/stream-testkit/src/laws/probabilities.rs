//! Log-probabilities.

use stream_core::{Backend, SlowReader, TokenLogprobs};

use crate::ask::{ask, question, start};
use crate::run::wait_for_end;
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// How many of the most probable tokens are asked for.
const TOP: usize = 3;

/// Every token comes with its log-probability, also where text is held back and where records
/// are coalesced.
///
/// # Errors
/// How the law was broken.
pub async fn every_token_has_its_log_probability(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    applies!(
        backend.info().capabilities.logprobs,
        "it tells no log-probabilities"
    );
    let request = |number| question(backend, ground, number).logprobs(TOP);
    for number in 0..ground.prompts.len() {
        let answer = ask(backend, request(number)).await?;
        let reported: Vec<_> = answer.records.iter().flat_map(|r| &r.logprobs).collect();
        check(&reported, answer.end.usage.completion_tokens)?;
    }
    let late = request(0).buffer(1).slow_reader(SlowReader::Coalesce);
    let stream = start(backend, late)?;
    wait_for_end(&stream, ground);
    let answer = crate::ask::read(stream).await?;
    let reported: Vec<_> = answer.records.iter().flat_map(|r| &r.logprobs).collect();
    check(&reported, answer.end.usage.completion_tokens)?;
    Ok(Kept::Checked)
}

fn check(reported: &[&TokenLogprobs], tokens: usize) -> Result<(), Broken> {
    let count = reported.len();
    ensure!(
        count == tokens,
        "{tokens} tokens came with {count} log-probabilities"
    );
    for TokenLogprobs { token, top } in reported {
        ensure!(
            token.logprob <= 0.0,
            "{token:?} has a log-probability over 0"
        );
        let descending = top.windows(2).all(|pair| match pair {
            [first, second] => first.logprob >= second.logprob,
            _ => true,
        });
        ensure!(
            (1..=TOP).contains(&top.len()) && descending,
            "the {TOP} most probable tokens are {top:?}"
        );
        let best = top.first().map_or(0.0, |best| best.logprob);
        ensure!(
            token.logprob <= best,
            "{token:?} is more probable than {top:?}"
        );
    }
    Ok(())
}
