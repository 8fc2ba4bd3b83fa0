//! Batches and options that cannot be, and what is said of them.

use backend_candle::{CandleModel, CandleOptions};
use candle_core::quantized::GgmlDType;
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, Model};

use crate::support::{Part, forward, row};
use crate::tiny::{CONTEXT, Tiny};

fn options() -> CandleOptions {
    CandleOptions {
        threads: Some(1),
        kv_tokens: Some(CONTEXT),
        max_rows: 2,
        max_step_tokens: 600,
        ..CandleOptions::default()
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
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    let mut model = CandleModel::load(&checkpoint, &options()).unwrap();
    let wanted = forward(&mut model, &[part(|_| ())]);
    let endless = format!("row 0: {} positions, at most 512 are possible", usize::MAX);
    let empty = |p: &mut Part| (p.tokens, p.sample) = (vec![], 0..0);
    for (parts, message) in [
        (vec![part(|_| ()); 3], "3 rows, at most 2 are possible"),
        (
            vec![part(|p| p.tokens = vec![1; 601])],
            "601 tokens, at most 600 are possible",
        ),
        (vec![part(empty)], "row 0: it has no tokens"),
        (
            vec![part(|p| p.start = 493)],
            "row 0: 513 positions, at most 512 are possible",
        ),
        (vec![part(|p| p.start = usize::MAX)], &endless),
        (
            vec![part(|p| p.start = 13)],
            "row 0: 33 positions, at most 32 are possible",
        ),
        (
            vec![part(|_| ()), part(|p| p.tokens[3] = 50)],
            "row 1: token id 50, must be below 50",
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
    type Change = fn(&mut CandleOptions);
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    let cases: [(Change, &str); 6] = [
        (
            |o| o.threads = Some(0),
            "threads is 0, must be from 1 to 1024",
        ),
        (
            |o| o.block_size = 24,
            "block_size is 24, must be a multiple of 16",
        ),
        (
            |o| o.block_size = 0,
            "block_size is 0, must be a multiple of 16",
        ),
        (
            |o| o.kv_tokens = Some(15),
            "kv_tokens is 15, must be at least one block of 16 tokens, and fewer than 2^32 blocks",
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
        let error = CandleModel::load(&checkpoint, &options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_spec_says_what_the_options_said() {
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    let model = CandleModel::load(&checkpoint, &options()).unwrap();
    let spec = model.spec();
    assert_eq!((spec.vocabulary, spec.context_length), (50, CONTEXT));
    assert_eq!(
        (spec.block_size, spec.blocks, spec.kv_tokens()),
        (16, 32, CONTEXT)
    );
    assert_eq!((spec.max_rows, spec.max_tokens), (2, 600));
    let device = model.device();
    assert!(device.starts_with("cpu (1 thread, "), "{device}");
}
