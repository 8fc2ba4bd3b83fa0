//! What the model of these tests thinks, and what goes wrong in it. The model itself is the kit's.

use std::sync::Arc;

use stream_core::{Dry, Sampling, TokenId, Tokenizer};
use stream_runtime::sample::{DrawKey, Sampler, SequenceBreakers, TokenCounts, dry_penalties};
use stream_runtime::{Choice, Next, Probable, Scored};
use stream_testkit::{Brain, Fault};

use crate::words::{VOCABULARY, Words};

/// Logits without a pattern.
pub(crate) fn hashed() -> Brain {
    stream_testkit::hashed(VOCABULARY)
}

/// After a prompt of `prompt` tokens, says `answer` and then `a` for ever.
pub(crate) fn scripted(prompt: usize, answer: &[TokenId]) -> Brain {
    let answer = answer.to_vec();
    Arc::new(move |tokens| {
        let said = answer.get(tokens.len() - prompt).copied().unwrap_or(2);
        let mut logits: Vec<f32> = (0..VOCABULARY).map(|id| -(id as f32)).collect();
        logits[said as usize] = 100.0;
        logits
    })
}

/// What the model must answer, worked out without an engine.
pub(crate) fn answer(
    brain: &Brain,
    prompt: &[TokenId],
    tokens: usize,
    sampling: &Sampling,
) -> Vec<TokenId> {
    answer_of_choice(brain, prompt, tokens, sampling, 0)
}

/// As [`answer`], for one of several choices.
pub(crate) fn answer_of_choice(
    brain: &Brain,
    prompt: &[TokenId],
    tokens: usize,
    sampling: &Sampling,
    choice: u32,
) -> Vec<TokenId> {
    let mut all = prompt.to_vec();
    let mut history = TokenCounts::default();
    history.record_prompt(prompt);
    let mut mu = Choice::new(sampling).mu;
    for position in 0..tokens as u64 {
        let key = DrawKey {
            seed: sampling.seed().unwrap_or(0),
            choice,
            position,
        };
        let dry = sampling
            .dry()
            .map(|dry| dry_penalties(dry, &all, &breaks(dry, &all)));
        let choice = Choice {
            key,
            history: &history,
            banned: &[60, 61, 62, 63],
            dry: &dry.unwrap_or_default(),
            mu,
            ..Choice::new(sampling)
        };
        let Next::Token(chosen) = Sampler::new().sample(&mut brain(&all), &choice) else {
            panic!("no finite logit")
        };
        mu = chosen.mu;
        all.push(chosen.id);
        history.record_answer(chosen.id);
    }
    all.split_off(prompt.len())
}

/// The tokens of a sequence that a repetition does not reach over.
fn breaks(dry: &Dry, tokens: &[TokenId]) -> Vec<bool> {
    let words = Words::new();
    let bytes = tokens.iter().map(|&id| words.token_bytes(id).unwrap());
    let mut breakers = SequenceBreakers::new(dry);
    bytes.map(|bytes| breakers.push(bytes)).collect()
}

/// A choice where a score was asked for, and the other way round.
pub(crate) const MIXED: Fault = Fault::Edit(|outcomes| outcomes[0] = mixed(&outcomes[0]));

/// Tokens without the log-probability that was asked for.
pub(crate) const UNSCORED: Fault = Fault::Edit(|outcomes| {
    outcomes.iter_mut().for_each(|next| {
        if let Next::Token(chosen) = next {
            chosen.scored = None;
        }
    });
});

fn mixed(next: &Next) -> Next {
    match next {
        Next::Scored(scored) => Next::Token(scored.token.id.into()),
        _ => Next::Scored(Scored {
            token: Probable {
                id: 2,
                logprob: 0.0,
                rank: 1,
            },
            top: Vec::new(),
        }),
    }
}
