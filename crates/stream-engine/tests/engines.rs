//! The engines beside each other: on the same file they compute the same, and in one process they
//! stream at the same time. `cargo xtask test` fetches the model and the libraries.

#[path = "support/reading.rs"]
mod reading;

use std::sync::Arc;
use std::thread;

use backend_libtorch::{Batches, LibtorchModel, LibtorchOptions};
use futures::executor::block_on;
use stream_checkpoint::default_model;
use stream_engine::core::{Backend, BackendExt, Request};
use stream_engine::{BackendKind, StreamingConfig};

use reading::{CHUNK, apart, best, checkpoint, judge, read, text};

/// Tokens of a text that both read.
const TOKENS: usize = 1_024;

#[test]
fn in_single_precision_the_logits_are_candles() {
    let checkpoint = checkpoint();
    let tokens = text(&checkpoint, 2 * CHUNK);
    let mut wanted = Vec::new();
    judge(&checkpoint, &tokens, |_, row| wanted.push(row.to_vec()));
    let options = LibtorchOptions {
        precision: backend_libtorch::Precision::F32,
        ..LibtorchOptions::default()
    };
    let mut libtorch = LibtorchModel::load(&checkpoint, &options).unwrap();
    let mut worst = 0.0_f32;
    read(
        &tokens,
        |b| libtorch.forward(b),
        |token, row| {
            worst = worst.max(apart(row, &wanted[token]));
            assert_eq!(best(row), best(&wanted[token]), "after token {token}");
        },
    );
    println!("the largest difference is {worst} of the largest logit");
    assert!(worst < 1e-3, "{worst}");
}

/// By how much the largest is ahead of the second.
fn lead(logits: &[f32]) -> f32 {
    let best = best(logits);
    let others = logits.iter().enumerate().filter(|&(id, _)| id != best);
    logits[best] - others.map(|(_, &x)| x).fold(f32::NEG_INFINITY, f32::max)
}

/// The judge computes in `f32`: rounding activations to 8 bits, as candle's native form does, turns
/// more choices (42 of these 1,024) than libtorch's `bf16` (9).
#[test]
fn on_quantised_weights_nearly_every_choice_is_candles() {
    let checkpoint = checkpoint();
    let tokens = text(&checkpoint, TOKENS);
    let mut wanted = Vec::new();
    judge(&checkpoint, &tokens, |_, row| {
        wanted.push((best(row), lead(row)));
    });
    // The forms for wide steps, and those for narrow ones.
    for batches in [Batches::Fastest, Batches::Invariant] {
        let options = LibtorchOptions {
            batches,
            ..LibtorchOptions::default()
        };
        let mut libtorch = LibtorchModel::load(&checkpoint, &options).unwrap();
        let (mut same, mut widest) = (0, 0.0_f32);
        read(
            &tokens,
            |b| libtorch.forward(b),
            |token, row| match wanted[token] {
                (id, _) if id == best(row) => same += 1,
                (_, lead) => widest = widest.max(lead),
            },
        );
        let share = f64::from(same) / tokens.len() as f64;
        println!("{batches:?}: {same} are candle's, the widest lead of the others is {widest}");
        assert!(
            share >= 0.98 && widest < 0.3,
            "{batches:?}: {share}, {widest}"
        );
    }
}

#[test]
fn all_engines_stream_at_the_same_time() {
    let kinds: Vec<_> = BackendKind::compiled()
        .filter(|kind| !kind.is_remote())
        .collect();
    assert!(kinds.len() >= 2, "{kinds:?}");
    let path = default_model::path().expect("a cache folder");
    let open = |&kind: &BackendKind| {
        let config = StreamingConfig::default().backend(kind).model(&path);
        stream_engine::open(&config).expect("fetch the model: stream-engine pull")
    };
    let backends: Vec<_> = kinds.iter().map(open).collect();
    let ask = |backend: &Arc<dyn Backend>| {
        let request = Request::user("Tell me about the sea.").greedy();
        let request = request.max_tokens(24).build().unwrap();
        block_on(backend.complete(request)).unwrap().ids
    };
    let alone: Vec<_> = backends.iter().map(ask).collect();
    let together: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (backends.iter())
            .map(|backend| scope.spawn(move || ask(backend)))
            .collect();
        let answers = started.into_iter();
        answers.map(|answer| answer.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
    assert!(alone.iter().all(|ids| ids.len() == 24), "{alone:?}");
    for (backend, kind) in backends.iter().zip(kinds) {
        assert_eq!(backend.info().name, kind.name());
    }
}
