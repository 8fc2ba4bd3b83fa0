//! Batches that cannot be, and what is said of them.

use stream_checkpoint::Checkpoint;
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, Model};

use crate::engine::{EngineModel, Options};
use crate::support::{Part, forward, row};

/// A tiny model.
pub(crate) fn tiny() -> Checkpoint {
    let path = "../stream-checkpoint/tests/fixtures/families/llama-2/llama-2.gguf";
    Checkpoint::open(path).unwrap_or_else(|error| panic!("{error}"))
}

/// Little room.
pub(crate) fn options() -> Options {
    Options {
        threads: Some(1),
        kv_tokens: Some(512),
        max_rows: 2,
        max_step_tokens: 600,
        ..Options::default()
    }
}

fn part(change: impl FnOnce(&mut Part)) -> Part {
    let tokens: Vec<TokenId> = (0..20).collect();
    let mut part = Part::whole(vec![0, 1], &tokens);
    part.sample = 19..20;
    change(&mut part);
    part
}

#[test]
fn impossible_batches_are_refused_and_the_model_goes_on() {
    let mut model = EngineModel::load(&tiny(), &options()).unwrap();
    let wanted = forward(&mut model, &[part(|_| ())]);
    let (context, width) = (model.spec().context_length, model.spec().vocabulary);
    let positions = |count| format!("row 0: {count} positions, at most {context} are possible");
    let id = width as TokenId;
    let empty = |p: &mut Part| (p.tokens, p.sample) = (vec![], 0..0);
    for (parts, message) in [
        (vec![part(|_| ()); 3], "3 rows, at most 2 are possible"),
        (
            vec![part(|p| p.tokens = vec![1; 601])],
            "601 tokens, at most 600 are possible",
        ),
        (vec![part(empty)], "row 0: it has no tokens"),
        (
            vec![part(|p| p.start = context - 19)],
            &positions(context + 1),
        ),
        (vec![part(|p| p.start = usize::MAX)], &positions(usize::MAX)),
        (
            vec![part(|p| p.start = 13)],
            "row 0: 33 positions, at most 32 are possible",
        ),
        (
            vec![part(|_| ()), part(|p| p.tokens[3] = id)],
            &format!("row 1: token id {id}, must be below {id}"),
        ),
        (
            vec![part(|p| p.blocks = vec![31, 32])],
            "row 0: block 32, must be below 32",
        ),
        (
            vec![part(|p| p.sample = 20..21)],
            "row 0: 21 sampled positions, at most 20 are possible",
        ),
    ] {
        let sampling = Sampling::greedy();
        let rows: Vec<_> = parts.iter().map(|part| row(part, &sampling)).collect();
        let error = model.launch(&Batch { rows: &rows }).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(forward(&mut model, &[part(|_| ())]), wanted);
}

#[test]
fn impossible_options_are_refused() {
    type Change = fn(&mut Options);
    let cases: [(Change, &str); 3] = [
        (
            |o| o.threads = Some(0),
            "threads is 0, must be from 1 to 1024",
        ),
        (
            |o| (o.kv_tokens, o.block_size) = (Some(1 << 50), 1 << 20),
            "the system refuses memory for 1125899906842624 tokens of KV cache; ask for fewer",
        ),
        (
            |o| o.max_rows = 601,
            "max_step_tokens is 600, must be at least max_rows (601)",
        ),
    ];
    for (change, message) in cases {
        let mut options = options();
        change(&mut options);
        let error = EngineModel::load(&tiny(), &options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_spec_says_what_the_options_said() {
    let model = EngineModel::load(&tiny(), &options()).unwrap();
    let spec = model.spec();
    assert_eq!((spec.block_size, spec.blocks), (16, 32));
    assert_eq!((spec.max_rows, spec.max_tokens), (2, 600));
    let device = model.device();
    assert!(device.starts_with("cpu (1 thread, "), "{device}");
}
