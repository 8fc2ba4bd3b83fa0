//! Every law of streams on the real model, and those of batches on the form whose rows do not
//! depend on them.

use std::sync::Arc;

use backend_libtorch::{Batches, LibtorchModel, LibtorchOptions, Operators};
use stream_core::{Message, Prompt};
use stream_grammar::Grammars;
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Ground, check, conformance, laws};

use crate::support::checkpoint;

fn engine(batches: Batches) -> (Engine, Ground) {
    start(&LibtorchOptions {
        batches,
        ..LibtorchOptions::default()
    })
}

fn portable() -> (Engine, Ground) {
    start(&LibtorchOptions {
        operators: Operators::Portable,
        ..LibtorchOptions::default()
    })
}

fn start(options: &LibtorchOptions) -> (Engine, Ground) {
    let checkpoint = checkpoint();
    let model = LibtorchModel::load(&checkpoint, options).expect("the default model loads");
    let tokenizer = checkpoint.tokenizer().clone();
    let mut config = EngineConfig::new("libtorch", checkpoint.name(), model.device());
    config.capabilities = model.capabilities();
    config.grammars = Some(Arc::new(Grammars::new(tokenizer.clone())));
    let of_ids = tokenizer.clone();
    let ground = Ground::default()
        .prompts([
            Prompt::Chat(vec![Message::user("Tell me a story about the sea.")]),
            Prompt::Raw("Emoji: 🐟🌊👩‍👧, Chinese: 水很深。More emoji:".into()),
            Prompt::Raw("The capital of France is".into()),
        ])
        .decode(move |ids| of_ids.decode(ids))
        .tokenizer(tokenizer.clone());
    let engine = Engine::start(model, tokenizer, config).expect("a possible engine");
    (engine, ground)
}

conformance!(fastest, engine(Batches::Fastest));
conformance!(portable_operators, portable());

#[test]
fn invariant_answers_do_not_depend_on_the_batch() {
    let subject = engine(Batches::Invariant);
    let law = laws::greedy_ids_do_not_depend_on_the_batch;
    check("greedy_ids_do_not_depend_on_the_batch", subject, law);
}

#[test]
fn nor_do_they_on_a_known_beginning() {
    let subject = engine(Batches::Invariant);
    let law = laws::a_known_beginning_changes_nothing;
    check("a_known_beginning_changes_nothing", subject, law);
}
