//! A prompt that is scored while it is read, against its logits.

use backend_candle::CandleOptions;
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, Choice, Given, Model, Next, Row, Scored};

use crate::support::{Part, argmax, forward, log_probability, model, row};

/// Ids without a meaning, but for the model.
const PROMPT: [TokenId; 13] = [
    504, 3575, 282, 4649, 314, 7042, 30, 378, 3575, 282, 5974, 314, 9,
];

fn close(scored: &Scored, token: TokenId, logits: &[f32]) {
    assert_eq!(scored.token.id, token);
    let off = f64::from(scored.token.logprob) - log_probability(logits, token);
    assert!(off.abs() < 1e-5, "{scored:?} is off by {off}");
    assert_eq!(scored.top[0].id, argmax(logits));
    assert!(scored.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
    for top in &scored.top {
        let off = f64::from(top.logprob) - log_probability(logits, top.id);
        assert!(off.abs() < 1e-5, "{top:?} is off by {off}");
    }
}

#[test]
fn a_prompt_is_scored_as_its_logits_say() {
    let mut model = model(&CandleOptions {
        // Fewer than the positions, so that they are gone through in parts.
        max_rows: 4,
        ..CandleOptions::default()
    });
    let part = Part::whole((0..4).collect(), &PROMPT);
    let logits = forward(&mut model, std::slice::from_ref(&part));
    let sampling = Sampling::greedy();
    let plain = row(&part, &sampling);
    let asked = Row {
        given: Given {
            tokens: &PROMPT[1..],
            top: 3,
        },
        choice: Choice {
            logprobs: Some(2),
            ..plain.choice
        },
        ..plain
    };
    let (mut next, batch) = (Vec::new(), Batch { rows: &[asked] });
    let ticket = model.launch(&batch).expect("a valid batch");
    model.collect(ticket, &mut next).expect("the step was done");
    let Some(Next::Token(chosen)) = next.pop() else {
        panic!("the last position is sampled");
    };
    let last = logits.last().expect("one for each token");
    assert_eq!(chosen.id, argmax(last));
    close(
        &chosen.scored.expect("it was asked for"),
        argmax(last),
        last,
    );
    assert_eq!(next.len(), PROMPT.len() - 1);
    for (i, next) in next.iter().enumerate() {
        let Next::Scored(scored) = next else {
            panic!("a given token is scored");
        };
        assert_eq!(scored.top.len(), 3);
        close(scored, PROMPT[i + 1], &logits[i]);
    }
}
