//! What structured output costs: the time of one mask, and decoding with a JSON Schema beside
//! decoding without, in turns, on the default model. `cargo bench -p stream-benches --bench structured [-- --rounds 9]`.
//!
//! What a matcher needs for a token, in all, is set against the time of a token: a mask is worked
//! out while the model runs, so it shows only where the model is quicker. That difference is
//! smaller than what two answers differ by anyway, so that no share of it is told.

use std::sync::Arc;
use std::time::Instant;

use stream_benches::{Series, load_average, rounds, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{Backend, BackendExt, Grammar, Request, RequestBuilder, Sampling, Tokenizer};
use stream_engine::{StreamingConfig, open};
use stream_grammar::Grammars;
use stream_runtime::grammar::GrammarCompiler;

/// Rounds unless told otherwise.
const ROUNDS: usize = 7;
/// Tokens of an answer.
const TOKENS: usize = 96;
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "people": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": { "type": "string", "minLength": 20, "maxLength": 40 },
                    "age": { "type": "integer", "minimum": 0, "maximum": 120 },
                    "role": { "enum": ["keeper", "sailor", "cook"] }
                },
                "required": ["name", "age", "role"],
                "additionalProperties": false
            },
            "minItems": 20
        }
    },
    "required": ["people"],
    "additionalProperties": false
}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Only the answer without a schema could have drafts.
    let backend = open(&StreamingConfig::default().speculative_tokens(0))?;
    let schema = Grammar::JsonSchema(SCHEMA.into());
    let (mut plain, mut kept) = (Series::default(), Series::default());
    let mut ids = Vec::new();
    for round in 0..=rounds(ROUNDS)? {
        for turn in 0..2 {
            let bound = (round + turn) % 2 == 1;
            let (time, made) = decode(&*backend, bound.then(|| schema.clone()))?;
            // The first round warms up, and compiles the schema.
            match bound {
                _ if round == 0 => {}
                true => {
                    kept.push(time);
                    ids = made;
                }
                false => plain.push(time),
            }
        }
    }
    let masks = masks(&schema, &ids)?;
    let share = 100.0 * masks / plain.median();
    let rows = [
        vec!["decode, ms a token".into(), plain.summary(3)],
        vec!["with a JSON Schema".into(), kept.summary(3)],
        vec!["their ratio".into(), kept.over(&plain).summary(3)],
        vec!["accept and mask, ms a token".into(), format!("{masks:.3}")],
        vec!["the same, of a token".into(), format!("{share:.1} %")],
    ];
    println!(
        "{}",
        table(&["one answer at a time", "median (range)"], &rows)
    );
    println!("load average {:?}", load_average());
    Ok(())
}

/// Milliseconds for each token after the first, and the ids.
fn decode(
    backend: &dyn Backend,
    grammar: Option<Grammar>,
) -> Result<(f64, Vec<u32>), Box<dyn std::error::Error>> {
    let stop = stream_core::Stop::builder().ignore_eos().build()?;
    let request = Request::user("List the people at a lighthouse as JSON.")
        .max_tokens(TOKENS)
        .sampling(Sampling::greedy())
        .stop(stop);
    let request = grammar.into_iter().fold(request, RequestBuilder::grammar);
    let mut times = Vec::with_capacity(TOKENS);
    let mut ids = Vec::new();
    for token in backend.generate(request.build()?)?.blocking() {
        let token = token?;
        times.push(token.times.sampled);
        ids.extend(token.id);
    }
    let (first, last) = (times[0], times[times.len() - 1]);
    Ok((
        (last - first).as_secs_f64() * 1e3 / (times.len() - 1) as f64,
        ids,
    ))
}

/// Milliseconds for a matcher to take a token and work out the next mask, over an answer.
fn masks(grammar: &Grammar, ids: &[u32]) -> Result<f64, Box<dyn std::error::Error>> {
    let checkpoint = Checkpoint::open(&default_model::path()?)?;
    let tokenizer: Arc<dyn Tokenizer> = checkpoint.tokenizer().clone();
    let mut matcher = Grammars::new(tokenizer).compile(grammar)?;
    let (mut series, mut sum) = (Series::default(), 0.0);
    for &id in ids {
        let start = Instant::now();
        matcher.accept(id)?;
        matcher.allowed()?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        series.push(ms);
        sum += ms;
    }
    println!("accept and mask: {} ms", series.summary(3));
    Ok(sum / ids.len() as f64)
}
