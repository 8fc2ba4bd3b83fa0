//! Batches and options that cannot be, and what is said of them.

use backend_libtorch::{LibtorchModel, LibtorchOptions};
use stream_checkpoint::Checkpoint;
use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, Model};

use crate::support::{Part, forward, row};

/// A tiny model with a context of a few hundred positions.
fn checkpoint() -> Checkpoint {
    let path = "../stream-checkpoint/tests/fixtures/families/llama-2/llama-2.gguf";
    Checkpoint::open(path).unwrap_or_else(|error| panic!("{error}"))
}

fn options() -> LibtorchOptions {
    LibtorchOptions {
        threads: Some(1),
        kv_tokens: Some(512),
        max_rows: 2,
        max_step_tokens: 300,
        ..LibtorchOptions::default()
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
    let mut model = LibtorchModel::load(&checkpoint(), &options()).unwrap();
    let wanted = forward(&mut model, &[part(|_| ())]);
    for (parts, message) in [
        (vec![part(|_| ()); 3], "3 rows, at most 2 are possible"),
        (
            vec![part(|p| p.tokens = vec![1; 301])],
            "301 tokens, at most 300 are possible",
        ),
        (
            vec![part(|p| (p.tokens, p.sample) = (vec![], 0..0))],
            "row 0: it has no tokens",
        ),
        (
            vec![part(|p| p.start = 13)],
            "row 0: 33 positions, at most 32 are possible",
        ),
        (
            vec![part(|p| p.blocks = vec![31, 32])],
            "row 0: block 32, must be below 32",
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
    type Change = fn(&mut LibtorchOptions);
    let checkpoint = checkpoint();
    let cases: [(Change, &str); 5] = [
        (
            |o| o.threads = Some(0),
            "threads is 0, must be from 1 to 1024",
        ),
        (|o| o.block_size = 0, "block_size is 0, must be at least 1"),
        (
            |o| o.kv_tokens = Some(15),
            "kv_tokens is 15, must be at least one block of 16 tokens, and fewer than 2^32 blocks",
        ),
        (
            |o| (o.kv_tokens, o.block_size) = (Some(1 << 50), 1 << 20),
            "the system refuses memory for 1125899906842624 tokens of KV cache; ask for fewer",
        ),
        (
            |o| o.max_rows = 301,
            "max_step_tokens is 300, must be at least max_rows (301)",
        ),
    ];
    for (change, message) in cases {
        let mut options = options();
        change(&mut options);
        let error = LibtorchModel::load(&checkpoint, &options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_device_names_the_library_that_runs() {
    let model = LibtorchModel::load(&checkpoint(), &options()).unwrap();
    let device = model.device();
    assert!(
        device.starts_with("cpu (1 thread, libtorch 2.11.0"),
        "{device}"
    );
    assert_eq!(model.spec().kv_tokens(), 512);
}
